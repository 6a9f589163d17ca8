// Package authz is the adapter between Envoy's ext_authz filter and package
// decide: it translates Envoy's CheckRequest into a Request, and a Decision
// into Envoy's answer, the sealed grant in its dynamic metadata.
//
// It promises that every doubt denies: a request that cannot be read, a grant
// that cannot be sealed. It deliberately decides nothing; who may call it is
// the listener's business.
package authz

import (
	"context"
	"errors"
	"log/slog"
	"runtime/debug"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"

	"cloakroom/internal/access"
)

// Decider answers one request. *decide.Decider is one.
type Decider interface {
	// attributes gives Envoy's own view, for policies that look at it.
	Decide(ctx context.Context, r *access.Request, attributes func() any) access.Decision
}

// Sealer makes a grant into the text that travels. *grant.Codec is one.
type Sealer interface {
	Seal(access.Grant) (string, error)
}

// Server answers Envoy's ext_authz filter.
type Server struct {
	authv3.UnimplementedAuthorizationServer
	decider Decider
	sealer  Sealer
	logger  *slog.Logger
}

// New returns a Server; the logger is told of panics. All are required.
func New(d Decider, s Sealer, logger *slog.Logger) (*Server, error) {
	if d == nil || s == nil || logger == nil {
		return nil, errors.New("making ext_authz server: no decider, no sealer or no logger")
	}
	return &Server{decider: d, sealer: s, logger: logger}, nil
}

// Register makes s answer for a gRPC server's ext_authz service.
func (s *Server) Register(to grpc.ServiceRegistrar) { authv3.RegisterAuthorizationServer(to, s) }

// Check answers one request: translate, decide, seal, reply. It never returns
// an error: what went wrong is a refusal.
func (s *Server) Check(ctx context.Context, in *authv3.CheckRequest) (out *authv3.CheckResponse, _ error) {
	defer func() {
		if recover() != nil { // what was passed to panic may quote the request
			s.logger.Error("a check panicked", "stack", string(debug.Stack()))
			out = denied(access.Decision{Refusal: &access.Refusal{
				Code: access.Unavailable, Message: "this gateway could not decide; try again, then tell its operator"}})
		}
	}()
	request, err := requestOf(in)
	if err != nil {
		return denied(access.Decision{Refusal: &access.Refusal{
			Code: access.Denied, Message: err.Error()}}), nil
	}
	d := s.decider.Decide(ctx, request, func() any { return attributesOf(in) })
	if d.Outcome != access.Allow {
		return denied(d), nil
	}
	var sealed string
	if d.Grant != nil {
		if sealed, err = s.sealer.Seal(*d.Grant); err != nil {
			return denied(access.Decision{Refusal: &access.Refusal{
				Code: access.Unavailable, Message: "the decision cannot be handed on", Record: d.Exchange}}), nil
		}
	}
	return allowed(d, sealed), nil
}
