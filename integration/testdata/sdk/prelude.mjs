// Every script here for Node begins with these lines. It prints all that its
// SDK got, and on its last line what the test compares.
import { inspect } from "node:util";

const { BASE, TICKET, WRONG } = process.env;
const whole = (thing) => inspect(thing, { depth: 8, showHidden: true, maxStringLength: Infinity });

// The SDK's own error, as whoever catches it reads it.
async function refused(error, call) {
  try {
    await call();
  } catch (e) {
    if (!(e instanceof error)) throw e;
    console.log(whole(e));
    return { error: e.constructor.name, message: e.message };
  }
  return { error: "none" };
}

function report(answer, stream, refusal, ...got) {
  for (const thing of got) console.log(whole(thing));
  console.log(JSON.stringify({ answer, stream, refused: refusal }));
}
