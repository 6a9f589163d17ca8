package integration

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// member is a person who answers by the API, as a program of theirs does.
type member struct {
	*person
	issuer string
	bearer string // what they read with
}

// member logs somebody in with an issuer of people.
func (f *fleet) member(name, issuer string) *member {
	f.t.Helper()
	m := newMember(name, issuer)
	m.bearer = m.idToken(f.t, "for-reading")
	return m
}

func newMember(name, issuer string) *member {
	m := &member{person: newPerson(name), issuer: issuer}
	m.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), backAt) {
			return http.ErrUseLastResponse
		}
		return nil
	}
	return m
}

// backAt is where the provider sends a program's browser back to.
const backAt = "http://127.0.0.1:1/callback"

// idToken is the token of a login made for the nonce: the code flow with PKCE, by
// the provider's form.
func (m *member) idToken(t *testing.T, nonce string) string {
	t.Helper()
	verifier := rand.Text() + rand.Text()
	sum := sha256.Sum256([]byte(verifier))
	answer, text := m.visit(t, m.issuer+"/authorize?"+url.Values{"client_id": {"cloakroom-cli"}, "redirect_uri": {backAt}, "response_type": {"code"},
		"scope": {"openid profile email groups"}, "state": {"s"}, "nonce": {nonce}, "max_age": {"0"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"}}.Encode())
	back, err := answer.Location()
	if err != nil {
		t.Fatalf("logging in: %v: %s", err, text)
	}
	answer, err = m.PostForm(m.issuer+"/oauth/token", url.Values{"grant_type": {"authorization_code"}, "client_id": {"cloakroom-cli"},
		"code": {back.Query().Get("code")}, "redirect_uri": {backAt}, "code_verifier": {verifier}})
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var got struct {
		Token string `json:"id_token"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&got); err != nil || got.Token == "" {
		t.Fatalf("the provider gave no token: %s, %v", answer.Status, err)
	}
	canary(got.Token)
	return got.Token
}

// call asks a replica's API. Status 0: it did not answer.
func (f *fleet) call(r *rig, method, path, bearer string, body, into any) (status int, text string) {
	f.t.Helper()
	sent, err := json.Marshal(body)
	if err != nil {
		f.t.Fatal(err)
	}
	q, err := http.NewRequest(method, r.admin+"/api/v1"+path, bytes.NewReader(sent))
	if err != nil {
		f.t.Fatal(err)
	}
	q.Host = f.page
	q.Header.Set("authorization", "Bearer "+bearer)
	q.Header.Set("content-type", "application/json")
	answer, err := f.client.Do(q)
	if err != nil {
		return 0, err.Error()
	}
	defer answer.Body.Close()
	got, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, err.Error()
	}
	page(string(got))
	if into != nil && answer.StatusCode < 300 {
		if err := json.Unmarshal(got, into); err != nil {
			f.t.Errorf("%s %s: %v in %s", method, path, err, got)
		}
	}
	return answer.StatusCode, string(got)
}

// openQuestion is a question as the API gives it.
type openQuestion struct {
	ID, Credential, Subject, Seen, Obstacle string
	Scopes                                  []string
}

// questions lists what waits for an answer.
func (f *fleet) questions(r *rig, m *member) []openQuestion {
	var got struct{ Approvals []openQuestion }
	if status, text := f.call(r, "GET", "/approvals", m.bearer, nil, &got); status != 0 && status != http.StatusOK && status != http.StatusServiceUnavailable {
		f.t.Errorf("%s lists questions: %d %s", m.name, status, text)
	}
	return got.Approvals
}

// waiting waits until one question about a credential waits at a replica.
func (f *fleet) waiting(r *rig, m *member, credential string) (q openQuestion) {
	f.t.Helper()
	f.eventually("a question about "+credential, func() bool {
		for _, q = range f.questions(r, m) {
			if q.Credential == credential {
				return true
			}
		}
		return false
	})
	return q
}

// anyLease is a lease as the API gives it.
type anyLease struct {
	ID, Credential, Principal, Scope, State, Ending string
	Operation                                       struct{ Method, Host, Path string }
	Starts, Ends, Ended                             time.Time
	Uses                                            int
	Answers                                         []struct {
		Person  string
		Approve bool
	}
}

// answer gives a member's answer: approval for the scope or, without one, denial.
// One replica seals it, another takes it.
func (f *fleet) answer(m *member, seals, takes *rig, q openQuestion, scope string) (status int, text string, l anyLease) {
	f.t.Helper()
	ask := map[string]string{"answer": "approve", "scope": scope, "seen": q.Seen, "issuer": m.issuer}
	if scope == "" {
		ask = map[string]string{"answer": "deny", "reason": "not now", "seen": q.Seen, "issuer": m.issuer}
	}
	var c struct{ Challenge, Nonce string }
	if status, text := f.call(seals, "POST", "/approvals/"+q.ID+"/challenges", m.bearer, ask, &c); status != http.StatusCreated {
		return status, text, l
	}
	status, text = f.call(takes, "POST", "/approvals/"+q.ID+"/answers", m.idToken(f.t, c.Nonce), map[string]string{"challenge": c.Challenge}, &l)
	return status, text, l
}

// approves is answer for what must succeed.
func (f *fleet) approves(m *member, seals, takes *rig, q openQuestion, scope string) anyLease {
	f.t.Helper()
	status, text, l := f.answer(m, seals, takes, q, scope)
	if status != http.StatusOK {
		f.t.Fatalf("%s could not approve: %d %s", m.name, status, text)
	}
	return l
}

// browser is a person whose every page comes from another replica.
func (f *fleet) browser(name string) *person {
	p := newPerson(name)
	var next atomic.Int32
	p.Transport = &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		if address == f.page {
			r := f.replicas[int(next.Add(1))%len(f.replicas)]
			address = strings.TrimPrefix(r.admin, "http://")
		}
		return new(net.Dialer).DialContext(ctx, network, address)
	}}
	return p
}
