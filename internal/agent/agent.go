// Package agent is the HTTP endpoint at which an agent asks: what may I use
// (GET /.well-known/cloakroom), give me a ticket (POST …/leases), how does my
// lease stand (GET …/leases/ID), make it longer (POST …/leases/ID/extend), take
// it back (DELETE …/leases/ID). The same questions are the tools of an MCP server
// at …/mcp. Envoy routes these paths here.
//
// It promises that nobody is answered without an identity, that a ticket is
// shown once, to the principal that it belongs to, that no request is held for
// longer than MaxWait, and that MCP tells nothing that HTTP does not: both ask
// the same questions (questions.go). It decides nothing: package decide does. It
// keeps nothing between two requests, so that any replica can answer the next.
package agent

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/decide"
)

// Path is the prefix of the paths that are served here.
const Path = "/.well-known/cloakroom"

const (
	// MaxWait is how long a request is held at most; who asks for more gets it.
	// After a minute many a proxy, and MCP's client of TypeScript, give up.
	MaxWait = 50 * time.Second
	// answerTime is how long an answer may take, the wait not counted.
	answerTime = 10 * time.Second
	// maxBody bounds a request's body, in bytes.
	maxBody = 16 << 10
)

// Decider answers the questions. *decide.Decider is one.
type Decider interface {
	Discover(ctx context.Context, who access.Principal) []decide.Offer
	RequestLease(ctx context.Context, q decide.LeaseRequest) (decide.Ticket, *access.Refusal)
	LeaseStatus(ctx context.Context, who access.Principal, id string, wait time.Duration) (decide.LeaseStatus, *access.Refusal)
	ExtendLease(ctx context.Context, who access.Principal, id string, by time.Duration) (decide.LeaseStatus, *access.Refusal)
	EndLease(ctx context.Context, who access.Principal, id string) (decide.LeaseStatus, *access.Refusal)
}

// Identify finds out who calls; nobody is the zero Principal, and an error's
// text may be shown to the caller.
type Identify func(ctx context.Context, headers []access.Header, path string) (access.Principal, []string, error)

// New returns the handler; all dependencies are required. nobody is told of
// every caller who was refused because nobody vouches for them, so that they
// are counted where those of Check are.
func New(identify Identify, decider Decider, nobody func(access.Code)) (http.Handler, error) {
	if identify == nil || decider == nil || nobody == nil {
		return nil, errors.New("making agent endpoint: a dependency is missing")
	}
	q := questions{decider}
	return endpoint{identify, q, nobody, mcpHandler(q), http.NewCrossOriginProtection()}, nil
}

type endpoint struct {
	identify Identify
	ask      questions
	nobody   func(access.Code)
	mcp      http.Handler
	// origin refuses what a page of another origin makes a browser send.
	origin *http.CrossOriginProtection
}

// caller is who asks, and the session that the request names.
type caller struct {
	who     access.Principal
	session string
}

// ServeHTTP asks who calls, takes the body in, and answers.
func (e endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("cache-control", "no-store")
	if e.origin.Check(r) != nil {
		refuse(w, refusal(access.Denied, "a page of another origin cannot ask here"))
		return
	}
	c, refused := e.caller(r)
	if refused != nil {
		e.nobody(refused.Code)
		refuse(w, refused)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		refuse(w, refusal(access.TooLarge, "the body is cut short, or longer than 16 KiB"))
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	e.serve(w, r, c, body)
}

func (e endpoint) caller(r *http.Request) (caller, *access.Refusal) {
	ctx, cancel := context.WithTimeout(r.Context(), answerTime)
	defer cancel()
	who, _, err := e.identify(ctx, access.Headers(r.Header), r.RequestURI)
	switch {
	case err != nil:
		return caller{}, refusal(access.Unauthenticated, err.Error())
	case !who.Known():
		return caller{}, refusal(access.Unauthenticated,
			"no identity: send a bearer token of a trusted issuer in x-cloakroom-token or authorization")
	}
	return caller{who, strings.Join(r.Header.Values("x-cloakroom-session"), ",")}, nil
}
