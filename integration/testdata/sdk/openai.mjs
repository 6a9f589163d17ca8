import OpenAI from "openai";

const client = (apiKey) => new OpenAI({ baseURL: BASE + "/v1", apiKey, maxRetries: 0 });
const ask = { model: "parrot", messages: [{ role: "user", content: "hello there" }] };
const chat = await client(TICKET).chat.completions.create(ask);
const events = await all(await client(TICKET).chat.completions.create({ stream: true, ...ask }));
report(
  chat.choices[0].message.content,
  events.map((e) => e.choices[0].delta.content ?? ""),
  await refused(OpenAI.PermissionDeniedError, () => client(WRONG).chat.completions.create(ask)),
  chat, events, await client(TICKET).models.list(),
);
