package admin

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"cloakroom/internal/access"
)

var sre = access.Group{Issuer: "https://i", Name: "sre"}

// deps knows callers by the name in their token, which is also their group.
func deps() Deps {
	return Deps{
		Identify: func(_ context.Context, headers []access.Header, _ string) (access.Principal, error) {
			for _, h := range headers {
				switch {
				case h.Name != "authorization":
				case h.Value == "bad":
					return access.Principal{}, errors.New("expired")
				case h.Value == "foreign":
					return access.Principal{Issuer: "https://other", Subject: "x", Groups: []string{"sre"}}, nil
				default:
					return access.Principal{Issuer: "https://i", Subject: "x", Groups: []string{h.Value}}, nil
				}
			}
			return access.Principal{}, nil
		},
		Readers: func() []access.Group { return []access.Group{sre} },
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "cloakroom_x 1\n") }),
		Ready:   func() error { return nil },
	}
}

func TestWhoMayRead(t *testing.T) {
	none := deps()
	none.Readers = func() []access.Group { return nil }
	broken := deps()
	broken.Ready = func() error { return errors.New("the disk at /secret/path is full") }
	tests := []struct {
		name                string
		deps                Deps
		method, token, path string
		status              int
		want                string
	}{
		{"an operator", deps(), "GET", "sre", "/metrics", 200, "cloakroom_x 1\n"},
		{"somebody else", deps(), "GET", "agents", "/metrics", 403, "metrics are for"},
		{"the same group of another issuer", deps(), "GET", "foreign", "/metrics", 403, "metrics are for"},
		{"nobody", deps(), "GET", "", "/metrics", 401, "send a bearer token"},
		{"a bad token", deps(), "GET", "bad", "/metrics", 401, "send a bearer token"},
		{"an operator where no group may", none, "GET", "sre", "/metrics", 403, "metrics are for"},
		{"another method", deps(), "POST", "sre", "/metrics", 405, ""},
		{"below it", deps(), "GET", "sre", "/metrics/x", 404, ""},
		{"alive, to anybody", deps(), "GET", "", "/healthz", 200, "ok\n"},
		{"alive, though not ready", broken, "GET", "", "/healthz", 200, "ok\n"},
		{"ready, to anybody", deps(), "GET", "", "/readyz", 200, "ready\n"},
		{"not ready, without saying why", broken, "GET", "", "/readyz", 503, "not ready\n"},
		{"elsewhere", deps(), "GET", "sre", "/debug/pprof/", 404, ""},
		{"the agent's side", deps(), "GET", "sre", "/.well-known/cloakroom", 404, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h, err := New(tt.deps)
			if err != nil {
				t.Fatal(err)
			}
			r := httptest.NewRequest(tt.method, tt.path, nil)
			if tt.token != "" {
				r.Header.Set("Authorization", tt.token)
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != tt.status || !strings.HasPrefix(w.Body.String(), tt.want) {
				t.Errorf("got %d %q, want %d %q", w.Code, w.Body, tt.status, tt.want)
			}
			if (w.Code == 401) != (w.Header().Get("www-authenticate") != "") {
				t.Errorf("www-authenticate %q with %d", w.Header().Get("www-authenticate"), w.Code)
			}
			if tt.status != 200 && strings.Contains(w.Body.String(), "cloakroom_x") {
				t.Error("metrics went out")
			}
		})
	}
}

func TestNewNeedsAll(t *testing.T) {
	for name, drop := range map[string]func(*Deps){
		"identity": func(d *Deps) { d.Identify = nil }, "readers": func(d *Deps) { d.Readers = nil },
		"metrics": func(d *Deps) { d.Metrics = nil }, "readiness": func(d *Deps) { d.Ready = nil },
	} {
		d := deps()
		drop(&d)
		if _, err := New(d); err == nil {
			t.Errorf("made without %s", name)
		}
	}
}
