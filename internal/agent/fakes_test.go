package agent

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/decide"
)

// decider offers two credentials: github, with a ticket at once, and prod, for
// which people must approve. Every lease is a's.
type decider struct {
	asked   []decide.LeaseRequest
	leases  []string // what was asked about leases, in short
	waited  time.Duration
	hurried bool // a question left no time behind its wait, or had no bound
	nobody  int  // callers who were nobody
}

const anID = "l2hzvq5yfo4mzgxmhtqzr4m5qe"

var ends = time.Unix(1_800_000_000, 0).UTC()

func (d *decider) Discover(context.Context, access.Principal) []decide.Offer {
	return []decide.Offer{{Credential: "github", Description: "reads <issues>", Placeholder: "ckr_github_x", Tier: "low", LeaseSeconds: 900,
		Operations: []decide.Operation{{Hosts: []string{"api.github.com"}, Methods: []string{"GET"}, Paths: []string{"/**"}, In: []string{"header"}}}}}
}

func (d *decider) RequestLease(ctx context.Context, q decide.LeaseRequest) (decide.Ticket, *access.Refusal) {
	d.asked = append(d.asked, q)
	d.wait(ctx, q.Wait)
	switch q.Credential {
	case "github":
		return decide.Ticket{Text: "ckr_github_ticket", Status: status(q.Principal, "github", "active")}, nil
	case "prod":
		return decide.Ticket{Text: "ckr_prod_ticket", Status: status(q.Principal, "prod", "pending")}, nil
	case "cooling":
		return decide.Ticket{}, &access.Refusal{Code: access.ApprovalDenied, Message: "not today", RetryAfter: 90 * time.Second}
	}
	return decide.Ticket{}, &access.Refusal{Code: access.NotGranted, Message: "not open to you"}
}

// wait notes for how long a question may be held.
func (d *decider) wait(ctx context.Context, wait time.Duration) {
	deadline, bounded := ctx.Deadline()
	d.waited, d.hurried = wait, !bounded || time.Until(deadline) <= wait
}

func status(who access.Principal, credential, state string) decide.LeaseStatus {
	s := decide.LeaseStatus{Lease: anID, Credential: credential, State: state, Message: "for " + who.Subject, Ends: ends}
	if state == "pending" {
		s.ApprovalURL = "https://desk/approvals/" + anID
	}
	return s
}

func (d *decider) LeaseStatus(ctx context.Context, who access.Principal, id string, wait time.Duration) (decide.LeaseStatus, *access.Refusal) {
	d.wait(ctx, wait)
	return d.lease(who, "status "+id, id, "pending")
}

func (d *decider) ExtendLease(ctx context.Context, who access.Principal, id string, by time.Duration) (decide.LeaseStatus, *access.Refusal) {
	d.wait(ctx, 0)
	return d.lease(who, "extend "+id+" "+by.String(), id, "active")
}

func (d *decider) EndLease(ctx context.Context, who access.Principal, id string) (decide.LeaseStatus, *access.Refusal) {
	d.wait(ctx, 0)
	return d.lease(who, "end "+id, id, "ended")
}

func (d *decider) lease(who access.Principal, asked, id, state string) (decide.LeaseStatus, *access.Refusal) {
	d.leases = append(d.leases, asked)
	if who.Subject != "a" || id != anID {
		return decide.LeaseStatus{}, &access.Refusal{Code: access.NotGranted, Message: "no such lease"}
	}
	return status(who, "github", state), nil
}

// identify takes x-cloakroom-token for the caller's name.
func identify(_ context.Context, headers []access.Header, _ string) (access.Principal, []string, error) {
	for _, h := range headers {
		if h.Name == "x-cloakroom-token" && h.Value == "bad" {
			return access.Principal{}, nil, errors.New("the token has expired")
		}
		if h.Name == "x-cloakroom-token" {
			return access.Principal{Issuer: "https://i", Subject: h.Value}, nil, nil
		}
	}
	return access.Principal{}, nil, nil
}

func handler(t *testing.T, d Decider) http.Handler {
	t.Helper()
	h, err := New(identify, d, func(access.Code) {
		if d, ok := d.(*decider); ok {
			d.nobody++
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// ask sends one request, its target exactly as written; headers are name,
// value, name, ….
func ask(t *testing.T, d *decider, method, target, token, body string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, "/", strings.NewReader(body))
	r.RequestURI = target
	r.Header.Set("x-cloakroom-session", "s1")
	if token != "" {
		r.Header.Set("x-cloakroom-token", token)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	handler(t, d).ServeHTTP(w, r)
	return w
}

// holding answers for a status when a while has passed, or at once when the
// caller is gone, which it tells.
type holding struct {
	decider
	while time.Duration
	gone  chan bool
}

func (h *holding) LeaseStatus(ctx context.Context, who access.Principal, id string, wait time.Duration) (decide.LeaseStatus, *access.Refusal) {
	select {
	case <-ctx.Done():
		h.gone <- true
	case <-time.After(h.while):
		h.gone <- false
	}
	return h.decider.LeaseStatus(ctx, who, id, wait)
}
