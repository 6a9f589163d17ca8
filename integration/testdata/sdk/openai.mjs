import OpenAI from "openai";

const client = new OpenAI();
const ask = { model: "parrot", messages: [{ role: "user", content: "hello there" }] };
const chat = await client.chat.completions.create(ask);
const events = await Array.fromAsync(await client.chat.completions.create({ stream: true, ...ask }));
const bad = client.withOptions({ apiKey: WRONG });
report(
  chat.choices[0].message.content,
  events.map((e) => e.choices[0].delta.content ?? ""),
  await refused(OpenAI.PermissionDeniedError, () => bad.chat.completions.create(ask)),
  chat, events, await client.models.list(),
);
