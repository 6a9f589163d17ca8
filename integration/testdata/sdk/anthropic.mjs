import Anthropic from "@anthropic-ai/sdk";

const client = (apiKey) => new Anthropic({ baseURL: BASE, apiKey, maxRetries: 0 });
const ask = { model: "parrot", max_tokens: 64, messages: [{ role: "user", content: "hello there" }] };
const message = await client(TICKET).messages.create(ask);
const stream = [];
const events = client(TICKET).messages.stream(ask).on("text", (text) => stream.push(text));
const final = await events.finalMessage();
report(
  message.content[0].text,
  stream,
  await refused(Anthropic.PermissionDeniedError, () => client(WRONG).messages.create(ask)),
  message, final,
);
