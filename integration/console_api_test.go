package integration

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

// asked is a question as the API gives it.
type asked struct {
	ID, Seen, Obstacle string
	Scopes             []string
}

// idToken logs a person in as a program does.
func (h *house) idToken(t *testing.T, user, nonce string) string {
	t.Helper()
	m := newMember(user, h.people)
	m.password = "demo"
	return m.idToken(t, nonce)
}

// call asks the API.
func (h *house) call(method, path, bearer string, body, into any) int {
	h.t.Helper()
	text := ""
	if body != nil {
		text = encode(h.t, body)
	}
	r, err := http.NewRequest(method, h.admin+"/api/v1"+path, strings.NewReader(text))
	if err != nil {
		h.t.Fatal(err)
	}
	if bearer != "" {
		r.Header.Set("authorization", "Bearer "+bearer)
	}
	if body != nil {
		r.Header.Set("content-type", "application/json")
	}
	answer, err := h.client.Do(r)
	if err != nil {
		h.t.Fatal(err)
	}
	defer answer.Body.Close()
	got, _ := io.ReadAll(answer.Body)
	page(string(got))
	if into != nil && answer.StatusCode < 300 {
		if err := json.Unmarshal(got, into); err != nil {
			h.t.Fatal(err)
		}
	}
	if answer.StatusCode >= 400 {
		h.t.Logf("%s %s: %d %s", method, path, answer.StatusCode, got)
	}
	return answer.StatusCode
}

// question waits for the one question that is open.
func (h *house) question(t *testing.T) asked {
	t.Helper()
	bearer := h.idToken(t, "bob", "for-reading")
	var got struct{ Approvals []asked }
	h.eventually("a question is open", func() bool {
		h.call("GET", "/approvals", bearer, nil, &got)
		return len(got.Approvals) == 1
	})
	return got.Approvals[0]
}

// TestAPIAnswers approves with a login made for it; tokens of machines, and one
// that lay somewhere, do not.
func TestAPIAnswers(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	machine, stored := h.token(erinClient), h.idToken(t, "alice", "an-old-nonce")
	held := h.asks(erinClient, "/v1/refunds", `{"amount": 1}`)
	q := h.question(t)
	for name, bearer := range map[string]string{"nobody": "", "a machine": machine} {
		for _, path := range []string{"/approvals", "/approvals/" + q.ID, "/leases", "/bars", "/sessions"} {
			if got := h.call("GET", path, bearer, nil, nil); got != 401 && got != 403 {
				t.Errorf("%s at %s: status %d", name, path, got)
			}
		}
		if got := h.call("POST", "/revocations", bearer, map[string]any{"all": true, "reason": "x"}, nil); got != 401 && got != 403 {
			t.Errorf("%s revokes: status %d", name, got)
		}
	}
	var c struct{ Challenge, Nonce, Issuer string }
	ask := map[string]any{"answer": "approve", "scope": "operation", "seen": q.Seen}
	if got := h.call("POST", "/approvals/"+q.ID+"/challenges", "", ask, &c); got != 201 || c.Issuer != h.people {
		t.Fatalf("the challenge: status %d, %+v", got, c)
	}
	answer := func(bearer string) int {
		return h.call("POST", "/approvals/"+q.ID+"/answers", bearer, map[string]any{"challenge": c.Challenge, "via": "api"}, nil)
	}
	for name, bearer := range map[string]string{"nobody": "", "a machine": machine, "a stored login": stored, "one of another nonce": h.idToken(t, "alice", "guessed")} {
		if got := answer(bearer); got != 401 && got != 403 {
			t.Errorf("%s answers: status %d", name, got)
		}
	}
	select {
	case got := <-held:
		t.Fatalf("the request was answered: %v", got)
	default:
	}
	if got := answer(h.idToken(t, "alice", c.Nonce)); got != 200 {
		t.Errorf("a login made for it: status %d", got)
	}
	if got := <-held; got.status != 200 {
		t.Errorf("the held request: %d %s", got.status, got.body)
	}
	if got := answer(h.idToken(t, "bob", c.Nonce)); got != 409 {
		t.Errorf("another answer after it: status %d", got)
	}
}
