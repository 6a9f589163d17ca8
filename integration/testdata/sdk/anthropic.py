import anthropic

client = anthropic.Anthropic()
ask = dict(model="parrot", max_tokens=64, messages=[{"role": "user", "content": "hello there"}])
message = client.messages.create(**ask)
with client.messages.stream(**ask) as events:
    stream = list(events.text_stream)
    final = events.get_final_message()
bad = client.with_options(api_key=WRONG)
report(
    message.content[0].text,
    stream,
    refused(anthropic.PermissionDeniedError, lambda: bad.messages.create(**ask)),
    message, final,
)
