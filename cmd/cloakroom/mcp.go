package main

import (
	"context"
	"fmt"
	"net/http"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/spf13/cobra"

	"cloakroom/internal/agent"
)

func newMCP(o *options) *cobra.Command {
	var g gateway
	c := &cobra.Command{
		Use: "mcp", Short: "Serve the gateway's MCP tools on standard input and output",
		Long: `Serve the gateway's MCP tools on standard input and output, for clients that can
only start programs. The identity token is read from $` + tokenVariable + `, or from
--token-file at every call, so that it may be replaced meanwhile. Clients that
speak HTTP connect to the gateway itself, at ` + agent.Path + `/mcp.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := g.find(o); err != nil {
				return err
			}
			if _, err := g.token(); err != nil {
				return err
			}
			return g.bridge(cmd.Context(), &mcp.StdioTransport{})
		},
	}
	g.flags(c)
	return c
}

// thisProgram is how `cloakroom mcp` calls itself, to both its peers.
var thisProgram = &mcp.Implementation{Name: "cloakroom", Title: "Cloakroom", Version: versionText()}

// bridge serves the gateway's tools over t until its other end hangs up. Each
// side speaks the newest version of the protocol that it shares with its peer.
func (g *gateway) bridge(ctx context.Context, t mcp.Transport) error {
	upstream, err := g.connect(ctx)
	if err != nil {
		return err
	}
	defer upstream.Close()
	server := mcp.NewServer(thisProgram, &mcp.ServerOptions{Instructions: upstream.InitializeResult().Instructions,
		Capabilities: &mcp.ServerCapabilities{Tools: &mcp.ToolCapabilities{}}})
	for tool, err := range upstream.Tools(ctx, nil) {
		if err != nil {
			return fmt.Errorf("asking the gateway for its tools: %w", err)
		}
		server.AddTool(tool, g.call)
	}
	if err := server.Run(ctx, t); ctx.Err() == nil { // else it was told to end
		return err
	}
	return nil
}

func (g *gateway) connect(ctx context.Context) (*mcp.ClientSession, error) {
	s, err := mcp.NewClient(thisProgram, nil).Connect(ctx, &mcp.StreamableClientTransport{Endpoint: g.base + agent.Path + "/mcp",
		HTTPClient: &http.Client{Transport: authorized{g}}, DisableStandaloneSSE: true, MaxRetries: -1}, nil)
	if err != nil {
		return nil, fmt.Errorf("connecting to the gateway: %w", err)
	}
	return s, nil
}

// call passes a call on, over a connection of its own: one that has met a token
// that has expired, or a gateway that restarts, is of no use afterwards.
func (g *gateway) call(ctx context.Context, r *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	var result *mcp.CallToolResult
	s, err := g.connect(ctx)
	if err == nil {
		defer s.Close()
		result, err = s.CallTool(ctx, &mcp.CallToolParams{Name: r.Params.Name, Arguments: r.Params.Arguments})
	}
	if err != nil { // for the model to read
		return &mcp.CallToolResult{IsError: true, Content: []mcp.Content{&mcp.TextContent{Text: err.Error()}}}, nil
	}
	return result, nil
}

// authorized sends every request with the gateway's token.
type authorized struct{ *gateway }

func (a authorized) RoundTrip(r *http.Request) (*http.Response, error) {
	token, err := a.token()
	if err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	r.Header.Set("x-cloakroom-token", token)
	return http.DefaultTransport.RoundTrip(r)
}
