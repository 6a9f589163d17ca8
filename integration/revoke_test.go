package integration

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

// revoke ends the one lease that is active, from another process.
func (w *world) revoke() {
	w.t.Helper()
	for _, l := range w.leases() {
		if l.State == "active" {
			var did done
			w.run(&did, "lease", "revoke", l.Lease)
			if len(did.Revoked) != 1 {
				w.t.Fatalf("revoking: %+v", did)
			}
			return
		}
	}
	w.t.Fatal("no lease is active")
}

// revoked checks that the log says why the one exchange of the session ended.
func (w *world) revoked(session string) end {
	w.t.Helper()
	e := w.session(w.t, session, 1, true)[0].End.End
	if !strings.Contains(e.Error, "a lease was revoked") && !strings.Contains(e.Error, "a lease has ended") {
		w.t.Errorf("the log says %+v", e)
	}
	return e
}

// TestRevokeCutsAnAnswer in the middle, on both sides.
func TestRevokeCutsAnAnswer(t *testing.T) {
	t.Parallel()
	f := newFaulty(t)
	flow := f.begin(append(f.headers, "x-cloakroom-session", "stream")...)
	f.revoke()
	f.cut(flow.end())
	if e := f.revoked("stream"); e.Status != http.StatusOK || len(e.Substitutions) != 1 {
		t.Errorf("the log says %+v", e)
	}
	select {
	case f.proceed <- struct{}{}:
		t.Error("the backend still answers")
	default:
	}
}

// TestRevokeBeforeAnAnswer refuses what waits for its backend, or still goes up to
// it, with words for the agent.
func TestRevokeBeforeAnAnswer(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		method string
		body   io.Reader
	}{
		"an answer that does not come": {http.MethodGet, nil},
		"an upload without end":        {http.MethodPost, endless{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asked, left := make(chan struct{}), make(chan struct{})
			b := backend(t, func(_ http.ResponseWriter, r *http.Request) {
				close(asked)
				io.Copy(io.Discard, r.Body)
				<-r.Context().Done()
				close(left)
			})
			w := newWorld(t, demo(value(), b.address()))
			go func() {
				<-asked
				w.revoke()
			}()
			r, err := http.NewRequest(tt.method, w.gateway+"/api/v1/x", tt.body)
			if err != nil {
				t.Fatal(err)
			}
			answer, body := w.do(r, "x-cloakroom-token", w.token(agentClient), "authorization", "Bearer "+w.placeholder("demo"), "x-cloakroom-session", "waiting")
			if answer.StatusCode != http.StatusForbidden || errorCode(body) != "lease_expired" || !strings.Contains(body, "revoked") {
				t.Errorf("got %d %s", answer.StatusCode, body)
			}
			<-left
			if e := w.revoked("waiting"); e.Code != "lease_expired" || e.Status != http.StatusForbidden {
				t.Errorf("the log says %+v", e)
			}
		})
	}
}

// endless is a body that goes on for ever.
type endless struct{}

func (endless) Read(b []byte) (int, error) { return len(b), nil }

// TestRevokeCutsAWebSocket on both sides, without a close frame.
func TestRevokeCutsAWebSocket(t *testing.T) {
	t.Parallel()
	k := newTalker(t, saying, "15m", asPrinted)
	c := k.socket()
	tell(t, c, "text")
	hear(t, c)
	k.revoke()
	if _, got, err := hear(t, c); err == nil || websocket.CloseStatus(err) >= 0 {
		t.Errorf("got %q, %v", got, err)
	}
	k.revoked("sockets")
	if _, answer, err := k.dial("/api/v1/socket"); err == nil || answer.StatusCode != http.StatusForbidden {
		t.Errorf("another socket, while the credential is barred: %v", err)
	}
}

// TestUses counts exchanges, not values: a lease is good for so many, and then
// says so.
func TestUses(t *testing.T) {
	t.Parallel()
	b := backend(t, echo)
	s := demo(value(), b.address())
	s.Config = strings.NewReplacer("lease: 15m", "lease: 15m, uses: 2", "paths:", "in: [header, 'query:key']\n        paths:").Replace(s.Config)
	w := newWorld(t, s)
	ticket := w.ticket(agentClient, "demo")
	headers := []string{"authorization", "Bearer " + ticket}
	for range 2 {
		if answer, body := w.get("/api/v1/x?key="+ticket, headers...); answer.StatusCode != http.StatusOK {
			t.Errorf("got %d %s", answer.StatusCode, body)
		}
	}
	before := b.count()
	if answer, body := w.get("/api/v1/x", headers...); answer.StatusCode != http.StatusForbidden || errorCode(body) != "lease_expired" || b.count() != before {
		t.Errorf("once more: %d %s", answer.StatusCode, body)
	}
}
