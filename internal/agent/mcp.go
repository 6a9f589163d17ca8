package agent

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"cloakroom/internal/access"
)

// mcpHandler serves the questions as tools over MCP's streamable HTTP. It keeps
// no session and opens no stream of its own: each POST is answered by itself.
// The SDK's guard against DNS rebinding looks at TCP on loopback alone, and so
// never here, behind Envoy's socket: no page that a browser was lured to has the
// token that every request needs.
func mcpHandler(q questions) http.Handler {
	server := mcp.NewServer(&mcp.Implementation{Name: "cloakroom", Title: "Cloakroom", Version: "1"}, &mcp.ServerOptions{
		Instructions: Instructions,
		Capabilities: &mcp.ServerCapabilities{Tools: &mcp.ToolCapabilities{}},
	})
	addTools(server, q)
	return mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server },
		&mcp.StreamableHTTPOptions{Stateless: true, JSONResponse: true, MaxRequestBodyBytes: maxBody})
}

// request is what a tool needs of the HTTP request that calls it. The SDK hands
// tools a context that outlives the request; who hangs up is to be held no longer.
type request struct {
	ctx context.Context
	caller
}

type requestKey struct{}

func withCaller(ctx context.Context, c caller) context.Context {
	return context.WithValue(ctx, requestKey{}, request{ctx, c})
}

// asTool makes a tool of a question. A refusal is a result that is an error, the
// same JSON that HTTP answers with: protocol errors are not for a model to read.
func asTool[Q, A any](ask func(context.Context, caller, Q) (A, *access.Refusal)) mcp.ToolHandlerFor[Q, any] {
	return func(ctx context.Context, _ *mcp.CallToolRequest, q Q) (*mcp.CallToolResult, any, error) {
		r, ok := ctx.Value(requestKey{}).(request)
		if !ok || !r.who.Known() {
			return nil, nil, errors.New("nobody asks")
		}
		a, refused := ask(r.ctx, r.caller, q)
		if refused != nil {
			return &mcp.CallToolResult{IsError: true}, json.RawMessage(refused.JSON()), nil
		}
		return nil, a, nil
	}
}
