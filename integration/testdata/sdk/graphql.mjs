import { ClientError, GraphQLClient } from "graphql-request";

const client = (key) => new GraphQLClient(BASE + "/graphql", { headers: { authorization: `Bearer ${key}` } });
const ask = "query Who($greeting: String!) { viewer(greeting: $greeting) { bio } }";
const greeting = { greeting: "hello there" };
const answer = await client(TICKET).rawRequest(ask, greeting);
report(
  answer.data.viewer.bio,
  [],
  await refused(ClientError, () => client(WRONG).request(ask, greeting)),
  answer,
);
