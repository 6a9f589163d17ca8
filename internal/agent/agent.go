// Package agent is the HTTP endpoint at which an agent asks: what may I use
// (GET /.well-known/cloakroom), and give me a ticket (POST
// /.well-known/cloakroom/leases). Envoy routes these paths here.
//
// It promises that nobody is answered without an identity, and that a ticket is
// shown once, to the principal that it belongs to. It decides nothing: package
// decide does.
package agent

import (
	"context"
	"encoding/json"
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

// maxBody bounds a request's body, in bytes.
const maxBody = 16 << 10

// Decider answers the questions. *decide.Decider is one.
type Decider interface {
	Discover(ctx context.Context, who access.Principal) []decide.Offer
	RequestLease(ctx context.Context, q decide.LeaseRequest) (decide.Ticket, *access.Refusal)
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
	return endpoint{identify, decider, nobody}, nil
}

type endpoint struct {
	identify Identify
	decider  Decider
	nobody   func(access.Code)
}

// ServeHTTP matches paths exactly: a mux would redirect odd ones, and they come
// here untouched.
func (e endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 10*time.Second)
	defer cancel()
	who, _, err := e.identify(ctx, access.Headers(r.Header), r.RequestURI)
	if err != nil || !who.Known() {
		e.nobody(access.Unauthenticated)
	}
	switch {
	case err != nil:
		refuse(w, &access.Refusal{Code: access.Unauthenticated, Message: err.Error()})
	case !who.Known():
		refuse(w, &access.Refusal{Code: access.Unauthenticated,
			Message: "no identity: send a bearer token of a trusted issuer in x-cloakroom-token or authorization"})
	case r.RequestURI == Path && r.Method == http.MethodGet:
		answer(w, http.StatusOK, map[string]any{"principal": who.ID(), "credentials": e.decider.Discover(ctx, who)})
	case r.RequestURI == Path+"/leases" && r.Method == http.MethodPost:
		e.lease(ctx, w, r, who)
	default:
		answer(w, http.StatusNotFound, map[string]any{"error": map[string]string{"code": "denied",
			"message": "GET " + Path + " lists what you may use; POST " + Path + "/leases gives a ticket"}})
	}
}

func (e endpoint) lease(ctx context.Context, w http.ResponseWriter, r *http.Request, who access.Principal) {
	var q struct {
		Credential string `json:"credential"`
		Reason     string `json:"reason"`
	}
	body := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	body.DisallowUnknownFields()
	// More is no help: it takes a stray bracket, and a body too long to be read,
	// for the end.
	if err := body.Decode(&q); err != nil || !errors.Is(body.Decode(new(json.RawMessage)), io.EOF) {
		refuse(w, &access.Refusal{Code: access.Denied, Message: `want a body such as {"credential":"NAME","reason":"why"}`})
		return
	}
	ticket, refused := e.decider.RequestLease(ctx, decide.LeaseRequest{Principal: who,
		Credential: q.Credential, Reason: q.Reason, Session: strings.Join(r.Header.Values("x-cloakroom-session"), ",")})
	if refused != nil {
		refuse(w, refused)
		return
	}
	answer(w, http.StatusCreated, map[string]string{"ticket": ticket.Text, "lease": ticket.Status.Lease,
		"credential": ticket.Status.Credential, "ends": ticket.Status.Ends.UTC().Format(time.RFC3339)})
}

func refuse(w http.ResponseWriter, r *access.Refusal) {
	w.Header().Set("content-type", "application/json")
	w.Header().Set("cache-control", "no-store")
	if r.Code.Status() == http.StatusUnauthorized {
		w.Header().Set("www-authenticate", `Bearer realm="cloakroom"`)
	}
	w.WriteHeader(r.Code.Status())
	// the caller may be gone; there is nobody left to tell
	_, _ = w.Write(r.JSON())
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("content-type", "application/json")
	w.Header().Set("cache-control", "no-store")
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	_ = e.Encode(body) // likewise
}
