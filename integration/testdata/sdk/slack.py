import slack_sdk
from slack_sdk.errors import SlackApiError


def client(key):
    return slack_sdk.WebClient(token=key, base_url=BASE + "/api/")


who = client(TICKET).auth_test()
said = client(TICKET).chat_postMessage(channel="C1", text="hello there")
report(
    who["user"],
    [said["message"]["text"]],
    refused(SlackApiError, lambda: client(WRONG).auth_test()),
    who, said,
)
