import openai


def client(key):
    return openai.OpenAI(base_url=BASE + "/v1", api_key=key, max_retries=0)


ask = dict(model="parrot", messages=[{"role": "user", "content": "hello there"}])
chat = client(TICKET).chat.completions.create(**ask)
events = list(client(TICKET).chat.completions.create(stream=True, **ask))
report(
    chat.choices[0].message.content,
    [e.choices[0].delta.content or "" for e in events],
    refused(openai.PermissionDeniedError, lambda: client(WRONG).chat.completions.create(**ask)),
    chat, events, client(TICKET).models.list(),
)
