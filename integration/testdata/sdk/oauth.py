from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session


def fetch(secret):
    session = OAuth2Session("a-client", secret, token_endpoint_auth_method=os.environ["METHOD"])
    return session.fetch_token(BASE + "/oauth/token", grant_type="client_credentials")


token = fetch(TICKET)
report(token["scope"], [], refused(OAuthError, lambda: fetch(WRONG)), token)
