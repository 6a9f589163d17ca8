import { youtube } from "@googleapis/youtube";
import { GaxiosError } from "gaxios";

const client = (auth) => youtube({ version: "v3", auth });
const ask = { part: ["snippet"], q: "hello there" };
const options = { rootUrl: BASE };
const found = await client(TICKET).search.list(ask, options);
report(
  found.data.items[0].snippet.title,
  [],
  await refused(GaxiosError, () => client(WRONG).search.list(ask, options)),
  found.data, found.headers, found.config,
);
