import stripe


def client(key):
    return stripe.StripeClient(key, base_addresses={"api": BASE})


customer = client(TICKET).v1.customers.create({"description": "hello there"})
found = list(client(TICKET).v1.customers.list({"limit": 1}).auto_paging_iter())
report(
    customer.description,
    [c.description for c in found],
    refused(stripe.PermissionError, lambda: client(WRONG).v1.customers.list()),
    customer, customer.last_response.__dict__, found,
)
