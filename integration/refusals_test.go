package integration

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files anew")

const refusalsConfig = `
tiers:
  short: {lease: 1s}
  plain: {lease: 5m}
  once: {lease: 5m, uses: 1}
  single: {lease: 5m, leases: 1, reuse: false}
  slow: {lease: 5m, requests: 1}
  bound: {lease: 5m, bound: true}
  asked: {lease: 5m, approval: {approvers: [oncall]}}
  held: {lease: 5m, approval: {approvers: [oncall], wait: 1m}}
credentials:
`

// refusing is a world with a credential of every tier, named after it, in which
// each refusal is written down as its caller and an auditor see it.
type refusing struct {
	asking
	other string // another principal's token
	seen  strings.Builder
}

func newRefusing(t *testing.T) *refusing {
	t.Helper()
	b := backend(t, echo)
	config, values := refusalsConfig, make(map[string]string)
	for _, c := range [][2]string{{"short", "short"}, {"revoked", "plain"}, {"barred", "plain"}, {"once", "once"}, {"single", "single"},
		{"slow", "slow"}, {"bound", "bound"}, {"asked", "asked"}, {"held", "held"}} {
		values[strings.ToUpper(c[0])+"_KEY"] = value()
		config += fmt.Sprintf("  - {name: %s, tier: %s, groups: [ai-agents], value: {env: %s_KEY}, allow: [{hosts: [api.test], methods: [GET], paths: [\"/v1/**\"]}]}\n",
			c[0], c[1], strings.ToUpper(c[0]))
	}
	w := newWorld(t, setup{Humans: true, Values: values, Config: config, Upstreams: []string{`{host: api.test, prefix: /api, address: "` + b.address() + `"}`}})
	return &refusing{asking: asking{w, b, w.token(agentClient)}, other: w.token(otherClient)}
}

// named is what the agent sends to use a credential by its named placeholder.
func (r *refusing) named(credential string) []string {
	return []string{"x-cloakroom-token", r.token, "authorization", "Bearer " + r.placeholder(credential)}
}

// byTicket is the same by a ticket that is asked for now; lease is its lease's id.
func (r *refusing) byTicket(credential string) (headers []string, lease string) {
	r.t.Helper()
	_, l := r.ask("POST", "", fmt.Sprintf(`{"credential":%q,"reason":"a test"}`, credential))
	if l.Ticket == "" {
		r.t.Fatalf("no ticket for %s: %+v", credential, l.Error)
	}
	return []string{"x-cloakroom-token", r.token, "authorization", "Bearer " + l.Ticket}, l.Lease
}

// works sends a request that must be let go.
func (r *refusing) works(headers ...string) {
	r.t.Helper()
	if answer, body := r.get("/api/v1/x", headers...); answer.StatusCode != http.StatusOK {
		r.t.Fatalf("%d %s", answer.StatusCode, body)
	}
}

// refuses sends a request that must be refused, and writes down how. It returns the
// lease that waits for people, if one does.
func (r *refusing) refuses(what string, headers ...string) (approval string) {
	r.t.Helper()
	before, session := r.b.count(), notInName.ReplaceAllString(what, "-")
	answer, body := r.get("/api/v1/x", append(headers, "x-cloakroom-session", session)...)
	if r.b.count() != before {
		r.t.Errorf("%s: the backend heard of it", what)
	}
	var got struct {
		Error struct {
			Code, Message, Placeholder, Record, Approval string
			ApprovalURL                                  string `json:"approval_url"`
			RetryAfter                                   int    `json:"retry_after"`
		}
	}
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		r.t.Fatalf("%s: %d %s", what, answer.StatusCode, body)
	}
	e := got.Error
	if header := answer.Header.Get("retry-after"); header != "" && header != strconv.Itoa(e.RetryAfter) || header == "" && e.RetryAfter != 0 {
		r.t.Errorf("%s: the header says retry after %q s, the body %d", what, header, e.RetryAfter)
	}
	all := r.session(r.t, session, 1, false)
	d := all[0].Decision.Decision
	if d.Exchange != e.Record || d.Code != e.Code {
		r.t.Errorf("%s: record %q says %s, the answer %s in %q", what, d.Exchange, d.Code, e.Code, e.Record)
	}
	fmt.Fprintf(&r.seen, "%s\n  status       %d %s\n  message      %s\n  placeholder  %s\n  retry-after  %v\n  approval url %v\n  record       %s: %s\n\n", what,
		answer.StatusCode, e.Code, steady(e.Message), steady(e.Placeholder), e.RetryAfter > 0, strings.HasSuffix(e.ApprovalURL, "/approvals/"+e.Approval) && e.Approval != "",
		d.Outcome, steady(d.Reason))
	return e.Approval
}

var (
	notInName = regexp.MustCompile(`[^a-z]+`)
	aTime     = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`)
	anID      = regexp.MustCompile(`\b[0-9a-z]{26}\b`)
	aSuffix   = regexp.MustCompile(`(ckr_\w+_)[0-9a-z]{26}`)
	aPort     = regexp.MustCompile(`127\.0\.0\.1:\d+`)
)

// steady is a text without what differs from run to run.
func steady(text string) string {
	text = aSuffix.ReplaceAllString(aTime.ReplaceAllString(text, "[time]"), "$1[suffix]")
	return aPort.ReplaceAllString(anID.ReplaceAllString(text, "[id]"), "[host]")
}

// TestRefusals: each way in which a lease can be wanting, as the agent is told of it
// through Envoy, and as the record has it.
func TestRefusals(t *testing.T) {
	t.Parallel()
	r := newRefusing(t)
	r.limits()
	r.ends()
	r.people()
	const golden = "testdata/refusals.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(r.seen.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.seen.String(); got != string(want) {
		t.Errorf("refusals differ from %s; with -update it is written anew:\n%s", golden, got)
	}
}

// limits is refused for what a tier limits.
func (r *refusing) limits() {
	once, slow := r.named("once"), r.named("slow")
	r.works(once...)
	r.refuses("exhausted, by placeholder", once...)
	once, _ = r.byTicket("once")
	r.works(once...)
	r.refuses("exhausted, by ticket", once...)

	r.works(append(r.named("single"), "x-cloakroom-session", "first")...)
	r.refuses("too many leases at once, by placeholder", r.named("single")...)

	r.sameMinute(slow)
	r.refuses("too many requests a minute, by placeholder", slow...)
	slow, _ = r.byTicket("slow")
	r.sameMinute(slow)
	r.refuses("too many requests a minute, by ticket", slow...)

	bound, _ := r.byTicket("bound")
	r.works(bound...)
	r.refuses("stolen ticket", "x-cloakroom-token", r.other, bound[2], bound[3])
	r.refuses("bound ticket without its holder's token", bound[2:]...)
	if n := r.metrics(r.t)["cloakroom_tickets_stolen_total"]; n != 1 {
		r.t.Errorf("%v stolen tickets are counted", n)
	}
}

// sameMinute uses up a minute's only request, with time left in it for another.
func (r *refusing) sameMinute(headers []string) {
	r.t.Helper()
	r.eventually("some of this minute is left", func() bool { return time.Now().Second() < 45 })
	r.works(headers...)
}

// ends is refused for how a lease ended.
func (r *refusing) ends() {
	short, lease := r.byTicket("short")
	r.eventually("the lease has expired", func() bool { _, l := r.ask("GET", "/"+lease, ""); return l.State == "ended" })
	r.refuses("expired, by ticket", short...)
	r.works(r.named("short")...) // has another opened

	revoked := r.named("revoked")
	r.works(revoked...)
	r.run(&done{}, "lease", "revoke", r.opened("revoked"))
	r.eventually("the service has heard", func() bool { answer, _ := r.get("/api/v1/x", revoked...); return answer.StatusCode != http.StatusOK })
	r.refuses("revoked, by placeholder", revoked...)

	barred, _ := r.byTicket("barred")
	r.works(barred...)
	r.run(&done{}, "lease", "revoke", "--credential", "barred", "--for", "1h", "--reason", "rotating the key")
	r.eventually("the service has heard", func() bool { answer, _ := r.get("/api/v1/x", barred...); return answer.StatusCode != http.StatusOK })
	r.refuses("revoked, by ticket", barred...)
	r.refuses("barred, by placeholder", r.named("barred")...)
}

// opened is the id of the only active lease over a credential.
func (r *refusing) opened(credential string) (id string) {
	r.t.Helper()
	for _, l := range r.leases() {
		if l.Credential == credential && l.State == "active" {
			id = l.Lease
		}
	}
	return id
}

// questionAbout waits for a question about a credential, and returns its id.
func (r *refusing) questionAbout(credential string) (id string) {
	r.t.Helper()
	r.eventually("a question about "+credential, func() bool {
		var all []struct{ ID, Credential string }
		r.run(&all, "approval", "ls")
		for _, q := range all {
			if q.Credential == credential {
				id = q.ID
			}
		}
		return id != ""
	})
	return id
}

// people is refused for what people have not said, and for what they have.
func (r *refusing) people() {
	asked := r.named("asked")
	r.refuses("pending, by placeholder", asked...)
	ticket, question := r.byTicket("asked")
	if id := r.refuses("pending, by ticket", ticket...); id != question {
		r.t.Errorf("the ticket's question is %s, and the refusal's %s", question, id)
	}
	r.answers("bob", "deny", question, "--reason", "not on a Friday")
	r.refuses("denied, by ticket", ticket...)
	r.refuses("cooling down, by placeholder", asked...)

	held := r.named("held")
	over := make(chan bool)
	go func() {
		defer close(over)
		r.refuses("denied while it was held, by placeholder", held...)
	}()
	r.answers("bob", "deny", r.questionAbout("held"), "--reason", "ask the owner first")
	<-over
}
