package agent

import (
	"context"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"cloakroom/internal/access"
)

// addTools adds the questions, with what a model must know to ask them well.
func addTools(s *mcp.Server, q questions) {
	no := false
	list := func(ctx context.Context, c caller, _ struct{}) (discovery, *access.Refusal) {
		return q.discover(ctx, c), nil
	}
	mcp.AddTool(s, &mcp.Tool{
		Name: "list_credentials", Title: "List the credentials that you may use",
		Annotations: &mcp.ToolAnnotations{ReadOnlyHint: true, OpenWorldHint: &no},
		Description: `Lists the credentials that you may use. You never get a real key: you get a placeholder, such as
ckr_github-read_…, and send it where the key would go. The gateway puts the real key in on the way up, at the hosts,
methods, paths and places ("in") that the credential's operations name, and nowhere else. "approval": true means
that a person must agree first.`,
	}, asTool(list))
	mcp.AddTool(s, &mcp.Tool{
		Name: "request_lease", Title: "Ask for a ticket",
		Annotations: &mcp.ToolAnnotations{DestructiveHint: &no, OpenWorldHint: &no},
		Description: `Asks for a lease on a credential, and gives its ticket: a text to use as the API key of an SDK that cannot
send your identity token. Requests go to the gateway's base URL, not to the service itself. The ticket is shown once,
works while the lease's state is "active", and ends at "ends". Do not write it to files, messages or commits.
State "pending": a person has been asked; tell your user the approval_url, and call lease_status with a wait instead of
asking again. Denied: do not ask again for the same, and do not look for another way; tell your user the reason.`,
	}, asTool(q.lease))
	mcp.AddTool(s, &mcp.Tool{
		Name: "lease_status", Title: "See how a lease stands",
		Annotations: &mcp.ToolAnnotations{ReadOnlyHint: true, OpenWorldHint: &no},
		Description: `Tells how one of your leases stands: pending (a person has not answered yet), active, or ended, and why. With
a wait the call returns as soon as the person answers. Ended leases stay ended: ask for a new one if you still need it.`,
	}, asTool(q.status))
	mcp.AddTool(s, &mcp.Tool{
		Name: "extend_lease", Title: "Keep a lease for longer",
		Annotations: &mcp.ToolAnnotations{DestructiveHint: &no, OpenWorldHint: &no},
		Description: `Makes an active lease of yours end later, by up to the extend_seconds of its status. Beyond that, ask for a new lease.`,
	}, asTool(q.extend))
	mcp.AddTool(s, &mcp.Tool{
		Name: "end_lease", Title: "Hand a lease back",
		Annotations: &mcp.ToolAnnotations{IdempotentHint: true, OpenWorldHint: &no},
		Description: `Ends a lease of yours before its time, and its ticket with it. Do it when your work with the credential is done.`,
	}, asTool(q.end))
}
