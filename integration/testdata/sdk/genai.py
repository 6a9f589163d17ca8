from google import genai
from google.genai import errors

ask = dict(model="parrot", contents="hello there")
with genai.Client() as client, genai.Client(api_key=WRONG) as bad:
    answer = client.models.generate_content(**ask)
    events = list(client.models.generate_content_stream(**ask))
    refusal = refused(errors.ClientError, lambda: bad.models.generate_content(**ask))
report(answer.text, [e.text for e in events], refusal, answer, events)
