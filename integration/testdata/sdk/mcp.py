import asyncio
import urllib.request

from mcp import Client
from mcp.client.streamable_http import create_mcp_http_client, streamable_http_client

TOKEN = {"x-cloakroom-token": os.environ["TOKEN"]}


def connect():
    http = create_mcp_http_client(headers=TOKEN)
    return Client(streamable_http_client(BASE + "/.well-known/cloakroom/mcp", http_client=http), mode=os.environ["MODE"])


def use(ticket):
    request = urllib.request.Request(BASE + "/api/v1/x", headers={"authorization": "Bearer " + ticket})
    with urllib.request.urlopen(request) as answer:
        return answer.read().decode().replace(ticket, "the ticket")


async def talk():
    async with connect() as client:
        tools = [tool.name for tool in (await client.list_tools()).tools]
        listed = (await client.call_tool("list_credentials", {})).structured_content
        (credential,) = [c["credential"] for c in listed["credentials"]]
        asked = await client.call_tool("request_lease", {"credential": credential, "reason": "a test"})
        lease = asked.structured_content
        answer = use(lease["ticket"])
        status = await client.call_tool("lease_status", {"lease": lease["lease"]})
        ended = await client.call_tool("end_lease", {"lease": lease["lease"]})
        states = [r.structured_content["state"] for r in (asked, status, ended)]
        other = await client.call_tool("request_lease", {"credential": "other", "reason": "a test"})
        error = json.loads(other.content[0].text)["error"] if other.is_error else {"code": "none"}
        refusal = {"error": error["code"], "message": error["message"]}
        report(answer, tools + states, refusal, client.instructions)


asyncio.run(talk())
