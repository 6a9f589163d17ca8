import { Octokit } from "@octokit/rest";

const client = (auth) => new Octokit({ baseUrl: BASE, auth });
const ask = { owner: "octo", repo: "cat" };
const repo = await client(TICKET).repos.get(ask);
const issue = await client(TICKET).issues.create({ ...ask, title: "a title", body: "a body" });
const { RequestError } = await import("@octokit/request-error");
report(
  repo.data.description,
  [],
  await refused(RequestError, () => client(WRONG).repos.get(ask)),
  repo, issue,
);
