import github


def client(key):
    return github.Github(base_url=BASE, auth=github.Auth.Token(key))


# Lazy: the URLs in GitHub's answers are GitHub's own, and PyGithub would follow
# them.
issue = client(TICKET).get_repo("octo/cat", lazy=True).create_issue("a title", body="a body")
repo = client(TICKET).get_repo("octo/cat")
user = client(TICKET).get_user()
report(
    user.bio,
    [],
    refused(github.GithubException, lambda: client(WRONG).get_repo("octo/cat")),
    repo, repo.raw_data, issue.raw_data, user.raw_data, user.raw_headers,
)
