import http from "node:http";
import Stripe from "stripe";

// Stripe takes a host and no path: the agent dials the gateway in its stead.
const { hostname: host, port } = new URL(BASE);
const httpAgent = new http.Agent({ host, port });
const client = (key) => new Stripe(key, { protocol: "http", port: 80, httpAgent });
const customer = await client(TICKET).customers.create({ description: "hello there" });
const found = await Array.fromAsync(client(TICKET).customers.list({ limit: 1 }));
report(
  customer.description,
  found.map((c) => c.description),
  await refused(Stripe.errors.StripePermissionError, () => client(WRONG).customers.list()),
  customer, customer.lastResponse, found,
);
