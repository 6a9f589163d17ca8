// Package admin is the operators' HTTP listener: metrics, liveness, readiness,
// and the page, which package console serves.
//
// It always asks who is calling, by the same OIDC identity as everywhere; only
// /healthz and /readyz answer anybody, with one word. It deliberately serves
// nothing to agents: they have package agent.
package admin

import (
	"context"
	"errors"
	"net/http"
	"time"

	"cloakroom/internal/access"
)

// Deps is what the listener needs. All are required but the groups (where there
// are none, nobody may read) and the page.
type Deps struct {
	Identify func(ctx context.Context, headers []access.Header, path string) (access.Principal, error)
	// Readers are the groups that may read metrics: operators and auditors.
	Readers func() []access.Group
	Metrics http.Handler
	Ready   func() error
	Page    http.Handler // serves every other path; nil: none is
}

// New returns the handler of the admin listener.
func New(d Deps) (http.Handler, error) {
	if d.Identify == nil || d.Readers == nil || d.Metrics == nil || d.Ready == nil {
		return nil, errors.New("making admin listener: a dependency is missing")
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, "ok\n") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := d.Ready(); err != nil {
			answer(w, 503, "not ready\n")
			return
		}
		answer(w, 200, "ready\n")
	})
	mux.Handle("GET /metrics", d.readersOnly(d.Metrics))
	if d.Page != nil {
		mux.Handle("/", d.Page)
	}
	return mux, nil
}

func (d Deps) readersOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 10*time.Second)
		defer cancel()
		p, err := d.Identify(ctx, access.Headers(r.Header), r.URL.RequestURI())
		if err != nil || !p.Known() {
			w.Header().Set("www-authenticate", `Bearer realm="cloakroom"`)
			answer(w, 401, "send a bearer token of a trusted issuer\n")
			return
		}
		if !p.InAny(d.Readers()) {
			answer(w, 403, "metrics are for the groups under admin.operators and admin.auditors\n")
			return
		}
		next.ServeHTTP(w, r)
	})
}

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("content-type", "text/plain; charset=utf-8")
	w.Header().Set("cache-control", "no-store")
	w.WriteHeader(status)
	// the caller may be gone; there is nobody left to tell
	_, _ = w.Write([]byte(text))
}
