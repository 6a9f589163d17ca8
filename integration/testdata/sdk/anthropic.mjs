import Anthropic from "@anthropic-ai/sdk";

const client = new Anthropic();
const ask = { model: "parrot", max_tokens: 64, messages: [{ role: "user", content: "hello there" }] };
const message = await client.messages.create(ask);
const stream = [];
const final = await client.messages.stream(ask).on("text", (text) => stream.push(text)).finalMessage();
const bad = client.withOptions({ apiKey: WRONG });
report(
  message.content[0].text,
  stream,
  await refused(Anthropic.PermissionDeniedError, () => bad.messages.create(ask)),
  message, final,
);
