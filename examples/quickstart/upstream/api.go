package main

import (
	"crypto/subtle"
	"encoding/json"
	"io"
	"net/http"
	"path"
	"strings"
	"sync/atomic"
)

// bodyLimit bounds what is echoed of a body; the rest is read and dropped.
const bodyLimit = 1 << 20

// api is the upstream: its keys, and how many requests came.
type api struct {
	key, billing, admin string
	requests            atomic.Int64
}

func (a *api) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/", a.echo)
	mux.HandleFunc("/trailer", a.trailer)
	mux.HandleFunc("/events", a.events)
	mux.HandleFunc("GET /user", a.user)
	mux.HandleFunc("GET /repos/{owner}/{repo}", a.repo)
	mux.HandleFunc("POST /repos/{owner}/{repo}/issues", a.issue)
	mux.HandleFunc("DELETE /repos/{owner}/{repo}", a.remove)
	mux.HandleFunc("GET /v1/models", a.models)
	mux.HandleFunc("POST /v1/chat/completions", a.chat)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/_requests" {
			answer(w, http.StatusOK, map[string]any{"requests": a.requests.Load()})
			return
		}
		a.requests.Add(1)
		switch {
		case !a.authorized(r):
			w.Header().Set("WWW-Authenticate", `Bearer realm="quickstart"`)
			answer(w, http.StatusUnauthorized, map[string]any{"error": map[string]any{"message": "not the key that this API demands", "code": "invalid_api_key"}})
		case path.Clean(r.URL.Path) != strings.TrimSuffix(r.URL.Path, "/") && r.URL.Path != "/":
			a.echo(w, r) // the mux would redirect, and hide what arrived
		default:
			mux.ServeHTTP(w, r)
		}
	})
}

// authorized tells whether the right key, and no other, stands where this
// request must have it.
func (a *api) authorized(r *http.Request) bool {
	want := a.key
	if a.admin != "" && r.Method == http.MethodDelete && strings.HasPrefix(r.URL.Path, "/repos/") {
		want = a.admin
	}
	if r.URL.Path == "/billing" || strings.HasPrefix(r.URL.Path, "/billing/") {
		want = a.billing
	}
	got := a.sent(r)
	return want != "" && len(got) == 1 && subtle.ConstantTimeCompare([]byte(got[0]), []byte(want)) == 1
}

// sent is every key of a request, at the one place that its path asks for.
func (a *api) sent(r *http.Request) (keys []string) {
	if rest, ok := strings.CutPrefix(r.URL.Path, "/path/"); ok {
		return []string{rest}
	}
	switch r.URL.Path {
	case "/query":
		return r.URL.Query()["key"]
	case "/cookie":
		for _, c := range r.CookiesNamed("key") {
			keys = append(keys, c.Value)
		}
		return keys
	}
	keys = append(keys, r.Header.Values("X-Api-Key")...)
	for _, v := range r.Header.Values("Authorization") {
		_, password, basic := r.BasicAuth()
		scheme, key, _ := strings.Cut(v, " ")
		switch {
		case basic:
			keys = append(keys, password)
		case strings.EqualFold(scheme, "Bearer"), strings.EqualFold(scheme, "token"):
			keys = append(keys, key)
		default:
			keys = append(keys, "")
		}
	}
	return keys
}

// echo answers with everything that the request held. The key comes back in the
// body and in a header.
func (a *api) echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, bodyLimit))
	if err != nil {
		return // the client is gone, or its body broke off
	}
	io.Copy(io.Discard, r.Body)
	w.Header().Set("X-Echo-Key", strings.Join(a.sent(r), " "))
	answer(w, http.StatusOK, map[string]any{
		"method": r.Method, "path": r.RequestURI, "host": r.Host, "protocol": r.Proto,
		"headers": r.Header, "body": string(body),
	})
}

// remove only says that it deletes.
func (a *api) remove(w http.ResponseWriter, r *http.Request) {
	answer(w, http.StatusOK, map[string]any{"deleted": r.PathValue("owner") + "/" + r.PathValue("repo")})
}

func (a *api) trailer(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Trailer", "X-Echo-Key")
	answer(w, http.StatusOK, map[string]any{"headers": r.Header})
	w.Header().Set("X-Echo-Key", strings.Join(a.sent(r), " "))
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.Encode(v)
}
