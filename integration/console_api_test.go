package integration

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// asked is a question as the API gives it.
type asked struct {
	ID, Seen, Obstacle string
	Scopes             []string
}

var hiddenID = regexp.MustCompile(`name="id" value="(\w+)"`)

// idToken logs a person in as a program does: the code flow with PKCE, by the
// provider's form.
func (h *house) idToken(t *testing.T, user, nonce string) string {
	t.Helper()
	const redirect = "http://127.0.0.1:1/callback"
	verifier := rand.Text() + rand.Text()
	sum := sha256.Sum256([]byte(verifier))
	jar, _ := cookiejar.New(nil)
	client := &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), redirect) {
			return http.ErrUseLastResponse
		}
		return nil
	}}
	form, err := client.Get(h.people + "/authorize?" + url.Values{"client_id": {"cloakroom-cli"}, "response_type": {"code"}, "redirect_uri": {redirect},
		"scope": {"openid profile email groups"}, "state": {"s"}, "nonce": {nonce}, "prompt": {"login"}, "max_age": {"0"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"}}.Encode())
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(form.Body)
	form.Body.Close()
	id := hiddenID.FindSubmatch(text)
	if id == nil {
		t.Fatalf("no login form: %s", text)
	}
	back, err := client.PostForm(form.Request.URL.String(), url.Values{"id": {string(id[1])}, "user": {user}, "password": {"demo"}})
	if err != nil {
		t.Fatal(err)
	}
	back.Body.Close()
	to, err := url.Parse(back.Header.Get("location"))
	if err != nil || to.Query().Get("code") == "" {
		t.Fatalf("the provider answered %s, location %q", back.Status, to)
	}
	r, err := http.NewRequest(http.MethodPost, h.people+"/oauth/token", strings.NewReader(url.Values{"grant_type": {"authorization_code"}, "client_id": {"cloakroom-cli"},
		"code": {to.Query().Get("code")}, "redirect_uri": {redirect}, "code_verifier": {verifier}}.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("content-type", "application/x-www-form-urlencoded")
	var got struct {
		Token string `json:"id_token"`
	}
	h.decode(r, http.StatusOK, &got)
	canary(got.Token)
	return got.Token
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
