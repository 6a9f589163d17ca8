import openai

client = openai.OpenAI()
ask = dict(model="parrot", messages=[{"role": "user", "content": "hello there"}])
chat = client.chat.completions.create(**ask)
events = list(client.chat.completions.create(stream=True, **ask))
bad = client.with_options(api_key=WRONG)
report(
    chat.choices[0].message.content,
    [e.choices[0].delta.content or "" for e in events],
    refused(openai.PermissionDeniedError, lambda: bad.chat.completions.create(**ask)),
    chat, events, client.models.list(),
)
