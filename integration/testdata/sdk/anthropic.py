import anthropic


def client(key):
    return anthropic.Anthropic(base_url=BASE, api_key=key, max_retries=0)


ask = dict(model="parrot", max_tokens=64, messages=[{"role": "user", "content": "hello there"}])
message = client(TICKET).messages.create(**ask)
with client(TICKET).messages.stream(**ask) as events:
    stream = list(events.text_stream)
    final = events.get_final_message()
report(
    message.content[0].text,
    stream,
    refused(anthropic.PermissionDeniedError, lambda: client(WRONG).messages.create(**ask)),
    message, final,
)
