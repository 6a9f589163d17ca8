from google import genai
from google.genai import errors


def client(key):
    return genai.Client(api_key=key, http_options={"base_url": BASE})


ask = dict(model="parrot", contents="hello there")
with client(TICKET) as c, client(WRONG) as bad:
    answer = c.models.generate_content(**ask)
    events = list(c.models.generate_content_stream(**ask))
    refusal = refused(errors.ClientError, lambda: bad.models.generate_content(**ask))
report(answer.text, [e.text for e in events], refusal, answer, events)
