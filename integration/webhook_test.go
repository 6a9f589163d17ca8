package integration

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// hooked is what a webhook in the form "json" tells.
type hooked struct {
	ID, Type string
	Data     struct{ Lease, Credential, Person, Path, URL, Answer, By, Note string }
}

// inbox is a receiver of webhooks.
type inbox struct {
	*seen
	mu     sync.Mutex
	events []hooked
	blocks []string // bodies in the form "slack"
	forged []string // bodies whose signature is wrong
}

func newInbox(t *testing.T, secret string) *inbox {
	t.Helper()
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		t.Fatal(err)
	}
	in := &inbox{}
	in.seen = backend(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		page(string(body))
		in.mu.Lock()
		defer in.mu.Unlock()
		if r.URL.Path == "/slack" {
			in.blocks = append(in.blocks, string(body))
			return
		}
		mac := hmac.New(sha256.New, key)
		fmt.Fprintf(mac, "%s.%s.%s", r.Header.Get("webhook-id"), r.Header.Get("webhook-timestamp"), body)
		var e hooked
		if r.Header.Get("webhook-signature") != "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)) || json.Unmarshal(body, &e) != nil {
			in.forged = append(in.forged, string(body))
			return
		}
		in.events = append(in.events, e)
	})
	return in
}

// told finds what was told of a kind about a lease.
func (in *inbox) told(kind, lease string) (all []hooked) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, e := range in.events {
		if e.Type == kind && e.Data.Lease == lease {
			all = append(all, e)
		}
	}
	return all
}

var button = regexp.MustCompile(`"value":"(\w+ [0-9a-f]{64})"`)

// click sends what Slack sends when a member clicks on a button.
func (d *desk) click(signing, member, action, value string) int {
	d.t.Helper()
	payload := fmt.Sprintf(`{"type":"block_actions","user":{"id":%q,"team_id":"T1"},"response_url":"https://hooks.slack.com/actions/none",`+
		`"actions":[{"type":"button","action_id":%q,"value":%q}]}`, member, action, value)
	body, now := url.Values{"payload": {payload}}.Encode(), fmt.Sprint(time.Now().Unix())
	mac := hmac.New(sha256.New, []byte(signing))
	io.WriteString(mac, "v0:"+now+":"+body)
	r, err := http.NewRequest(http.MethodPost, d.admin+"/slack/actions", strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	answer, _ := d.do(r, "content-type", "application/x-www-form-urlencoded", "x-slack-request-timestamp", now,
		"x-slack-signature", "v0="+hex.EncodeToString(mac.Sum(nil)))
	return answer.StatusCode
}

// TestWebhooks tells of questions, answers and revocations, signed; and takes a
// click in Slack from who may answer, for the tier that says so.
func TestWebhooks(t *testing.T) {
	t.Parallel()
	secret, signing := "whsec_"+base64.StdEncoding.EncodeToString([]byte(value())), value()
	in := newInbox(t, secret)
	hooks := fmt.Sprintf(`
webhooks:
  - {name: siem, url: %q, secret: {env: HOOK_SECRET}}
  - {name: chat, url: {env: HOOK_URL}, form: slack, events: [approval.asked]}
slack:
  teams: [T1]
  signing_secret: {env: SIGNING}
  people: {U1: {person: alice@example.com, groups: [oncall]}, U2: {person: bob@example.com, groups: [oncall]}}
`, in.URL+"/hook")
	d := newDeskWith(t, setup{Values: map[string]string{"HOOK_SECRET": secret, "SIGNING": signing}, Env: []string{"HOOK_URL=" + in.URL + "/slack"}},
		func(config string) string {
			return strings.Replace(config, "cooldown: 0s", "cooldown: 0s, buttons: true", 1) + hooks
		})

	q := d.asks("one", "/api/a")
	d.eventually("the question is told", func() bool { return len(in.told("approval.asked", q.ID)) > 0 && len(in.blocks) > 0 })
	if e := in.told("approval.asked", q.ID)[0]; e.Data.Credential != "one" || e.Data.Person != "alice@example.com" || e.Data.Path != "/a" ||
		e.Data.URL != d.admin+"/approvals/"+q.ID || !strings.HasPrefix(e.ID, "evt_") {
		t.Errorf("told: %+v", e)
	}
	in.mu.Lock()
	match := button.FindStringSubmatch(in.blocks[0])
	in.mu.Unlock()
	if match == nil || !strings.HasPrefix(match[1], q.ID) {
		t.Fatalf("no button in %s", in.blocks[0])
	}
	for _, tt := range []struct {
		signing, member string
		status          int
	}{{value(), "U2", 401}, {signing, "U9", 200}, {signing, "U1", 200}} { // forged; nobody; the human behind the agent
		if got := d.click(tt.signing, tt.member, "cloakroom_approve", match[1]); got != tt.status {
			t.Errorf("a click of %s: status %d, want %d", tt.member, got, tt.status)
		}
	}
	if _, code, body := d.attempt("one", "/api/a"); code != "approval_pending" {
		t.Errorf("after clicks that do not count: %s", body)
	}
	if got := d.click(signing, "U2", "cloakroom_approve", match[1]); got != http.StatusOK {
		t.Errorf("a click that counts: status %d", got)
	}
	d.eventually("the request goes on", func() bool { status, _, _ := d.attempt("one", "/api/a"); return status == http.StatusOK })
	d.eventually("the answer is told", func() bool { return len(in.told("approval.answered", q.ID)) == 1 })
	if e := in.told("approval.answered", q.ID)[0]; e.Data.Answer != "approved" || e.Data.By != "bob@example.com" {
		t.Errorf("told: %+v", e)
	}
	var done done
	d.run(&done, "lease", "revoke", q.ID)
	d.eventually("the revocation is told", func() bool { return len(in.told("lease.revoked", q.ID)) == 1 })
	if n := len(in.told("approval.asked", q.ID)); n != 1 || len(in.forged) > 0 {
		t.Errorf("asked %d times, forged: %q", n, in.forged)
	}

	d.rewrite("webhooks:\n", "webhooks:\n  - {name: more, url: \""+in.URL+"/more\", secret: {env: HOOK_SECRET}, events: [approval.asked]}\n")
	d.logged(d.up, "the new configuration is in force", "file")
	q = d.asks("two", "/api/a")
	d.eventually("a webhook that is new in the file is told too", func() bool { return len(in.told("approval.asked", q.ID)) == 2 })
	d.eventually("where the tier has no buttons the message leads to the page", func() bool {
		in.mu.Lock()
		defer in.mu.Unlock()
		last := in.blocks[len(in.blocks)-1]
		return strings.Contains(last, d.admin+"/approvals/"+q.ID) && !button.MatchString(last)
	})
}
