# Every Python script here begins with these lines. It prints all that its SDK
# got, and on its last line what the test compares.
import json
import os

BASE, TICKET, WRONG = (os.environ[name] for name in ("BASE", "TICKET", "WRONG"))


def refused(error, call):
    """The SDK's own error, as whoever catches it reads it."""
    try:
        call()
    except error as e:
        print(repr(e), repr(vars(e)))
        return {"error": type(e).__name__, "message": str(e)}
    return {"error": "none"}


def report(answer, stream, refusal, *got):
    for thing in got:
        print(repr(thing), repr(getattr(thing, "__dict__", "")))
    print(json.dumps({"answer": answer, "stream": stream, "refused": refusal}))
