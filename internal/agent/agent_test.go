package agent

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/decide"
)

// decider offers one credential, and gives a ticket for it and no other.
type decider struct {
	asked  []decide.LeaseRequest
	nobody int // callers who were nobody
}

func (d *decider) Discover(context.Context, access.Principal) []decide.Offer {
	return []decide.Offer{{Credential: "github", Placeholder: "ckr_github_x"}}
}

func (d *decider) RequestLease(_ context.Context, q decide.LeaseRequest) (decide.Ticket, *access.Refusal) {
	d.asked = append(d.asked, q)
	if q.Credential != "github" {
		return decide.Ticket{}, &access.Refusal{Code: access.NotGranted, Message: "not open to you"}
	}
	return decide.Ticket{Text: "ckr_github_ticket", Status: decide.LeaseStatus{Lease: "l1", Credential: "github", Ends: time.Unix(1_800_000_000, 0)}}, nil
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

// ask sends one request, its target exactly as written.
func ask(t *testing.T, d *decider, method, target, token, body string) *httptest.ResponseRecorder {
	t.Helper()
	h, err := New(identify, d, func(access.Code) { d.nobody++ })
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(method, "/", strings.NewReader(body))
	r.RequestURI = target
	r.Header.Set("x-cloakroom-session", "s1")
	if token != "" {
		r.Header.Set("x-cloakroom-token", token)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestAnswers(t *testing.T) {
	leases := Path + "/leases"
	good := `{"credential":"github","reason":"why"}`
	tests := []struct {
		name, method, target, token, body string
		status                            int
		want                              string
	}{
		{"what may I use", "GET", Path, "a", "", 200, `"principal":"https://i#a"`},
		{"a ticket", "POST", leases, "a", good, 201, `"ticket":"ckr_github_ticket"`},
		{"a ticket without a reason", "POST", leases, "a", `{"credential":"github"}`, 201, `"ends":"2027-01-15T08:00:00Z"`},
		{"another's credential", "POST", leases, "a", `{"credential":"aws"}`, 403, `"code":"not_granted"`},

		{"no token", "GET", Path, "", "", 401, `"code":"unauthenticated"`},
		{"a bad token", "POST", leases, "bad", good, 401, "the token has expired"},
		{"no token, an odd path", "GET", Path + "/x", "", "", 401, `"code":"unauthenticated"`},

		{"an unknown field", "POST", leases, "a", `{"credential":"github","length":"1h"}`, 403, "want a body"},
		{"no body", "POST", leases, "a", "", 403, "want a body"},
		{"no JSON", "POST", leases, "a", "credential=github", 403, "want a body"},
		{"two documents", "POST", leases, "a", good + good, 403, "want a body"},
		{"a stray bracket behind", "POST", leases, "a", good + "}", 403, "want a body"},
		{"a line's end behind", "POST", leases, "a", good + "\n", 201, "ticket"},
		{"a long body", "POST", leases, "a", `{"reason":"` + strings.Repeat("x", maxBody) + `","credential":"github"}`, 403, "want a body"},
		{"a long tail", "POST", leases, "a", good + strings.Repeat(" ", maxBody), 403, "want a body"},

		{"another method", "POST", Path, "a", "", 404, `"error"`},
		{"HEAD", "HEAD", Path, "a", "", 404, `"error"`},
		{"GET of leases", "GET", leases, "a", "", 404, `"error"`},
		{"a slash behind", "GET", Path + "/", "a", "", 404, `"error"`},
		{"a query", "GET", Path + "?a=b", "a", "", 404, `"error"`},
		{"dots", "POST", Path + "/../cloakroom/leases", "a", good, 404, `"error"`},
		{"two slashes", "POST", Path + "//leases", "a", good, 404, `"error"`},
		{"encoded", "POST", Path + "%2Fleases", "a", good, 404, `"error"`},
		{"another path", "GET", "/", "a", "", 404, `"error"`},
		{"absolute form", "GET", "http://x" + Path, "a", "", 404, `"error"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := &decider{}
			w := ask(t, d, tt.method, tt.target, tt.token, tt.body)
			if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.want) {
				t.Errorf("got %d %s, want %d with %s", w.Code, w.Body, tt.status, tt.want)
			}
			if !json.Valid(w.Body.Bytes()) || w.Header().Get("content-type") != "application/json" || w.Header().Get("cache-control") != "no-store" {
				t.Errorf("got %v %s", w.Header(), w.Body)
			}
			if (w.Code == 401) != (w.Header().Get("www-authenticate") != "") {
				t.Errorf("www-authenticate %q with %d", w.Header().Get("www-authenticate"), w.Code)
			}
			if (w.Code == 401) != (d.nobody == 1) {
				t.Errorf("counted %d as nobody with %d", d.nobody, w.Code)
			}
			if asked := len(d.asked) > 0; asked != (tt.status == 201 || strings.Contains(tt.want, "not_granted")) {
				t.Errorf("asked %v", d.asked)
			}
		})
	}
}

func TestWhatIsAskedFor(t *testing.T) {
	d := &decider{}
	ask(t, d, "POST", Path+"/leases", "a", `{"credential":"github","reason":"why"}`)
	if q := d.asked[0]; q.Principal.Subject != "a" || q.Reason != "why" || q.Session != "s1" {
		t.Errorf("got %+v", q)
	}
}

// TestNoRedirect asks over a real connection, where net/http cleans nothing.
func TestNoRedirect(t *testing.T) {
	h, err := New(identify, &decider{}, func(access.Code) {})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(h)
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("GET " + Path + "/../../x HTTP/1.1\r\nHost: x\r\nx-cloakroom-token: a\r\nconnection: close\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 12)
	if _, err := conn.Read(b); err != nil || string(b) != "HTTP/1.1 404" {
		t.Errorf("got %q, %v", b, err)
	}
}

func TestNewNeedsAll(t *testing.T) {
	count := func(access.Code) {}
	if _, err := New(nil, &decider{}, count); err == nil {
		t.Error("made without identity")
	}
	if _, err := New(identify, nil, count); err == nil {
		t.Error("made without a decider")
	}
	if _, err := New(identify, &decider{}, nil); err == nil {
		t.Error("made without a counter")
	}
}
