package decide

import (
	"compress/gzip"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/inventory"
)

// newBodyFakes has credentials that may stand in the body of a POST: two that are
// open to agents, one that needs an approval, one of another group.
func newBodyFakes(t *testing.T) *fakes {
	t.Helper()
	f := newFakes(t)
	rule := inventory.Rule{Hosts: []string{"api.example.com"}, Methods: []string{"POST"}, Paths: []string{"/token/**"}}
	for _, text := range []string{"body:/secret", "form:secret", "message:/secret"} {
		l, err := access.ParseLocation(text)
		if err != nil {
			t.Fatal(err)
		}
		rule.In = append(rule.In, l)
	}
	low := inventory.Tier{Name: "low", Lease: 15 * time.Minute}
	high := inventory.Tier{Name: "high", Lease: time.Minute, Approval: &inventory.Approval{Approvers: agents, Count: 1}}
	set, err := inventory.New(key, []inventory.Credential{
		{Name: "read", Tier: low, Groups: agents, Rules: []inventory.Rule{rule}},
		{Name: "more", Tier: low, Groups: agents, Rules: []inventory.Rule{rule}},
		{Name: "hot", Tier: high, Groups: agents, Rules: []inventory.Rule{rule}},
		{Name: "theirs", Tier: low, Groups: []access.Group{{Issuer: issuer, Name: "others"}}, Rules: []inventory.Rule{rule}},
	}, []inventory.Upstream{{Host: "api.example.com", Prefix: "/api", Route: "r", Cluster: "c"}}, false)
	if err != nil {
		t.Fatal(err)
	}
	f.set = set
	return f
}

func post(contentType, body string, headers ...string) *access.Request {
	r := get(append([]string{"content-type", contentType}, headers...)...)
	r.Method, r.Path, r.Route, r.Body = "POST", "/api/token/x", "r+body", []byte(body)
	return r
}

func gzipped(text string) string {
	var b strings.Builder
	w := gzip.NewWriter(&b)
	io.WriteString(w, text)
	w.Close()
	return b.String()
}

const (
	isJSON = "application/json"
	isForm = "application/x-www-form-urlencoded"
)

func member(text string) string { return `{"secret":"` + text + `"}` }

// places lists a grant's uses, as "credential location".
func places(g *access.Grant) (out []string) {
	for _, u := range g.Uses {
		for _, at := range u.Locations {
			out = append(out, u.Credential+" "+at.String())
		}
	}
	return out
}

func TestABodyIsDecided(t *testing.T) {
	for _, tt := range []struct {
		name   string
		r      *access.Request
		uses   []string
		leases []string
	}{
		{"JSON", post(isJSON, member(named("read"))), []string{"read body:/secret"}, []string{"read"}},
		{"a form", post(isForm, "secret="+named("read")+"&x=1"), []string{"read form:secret"}, []string{"read"}},
		{"parts", post("multipart/form-data; boundary=B", "--B\r\ncontent-disposition: form-data; name=secret\r\n\r\n"+named("more")+"\r\n--B--"), []string{"more form:secret"}, []string{"more"}},
		{"JSON, compressed", post(isJSON, gzipped(member(named("read"))), "content-encoding", "gzip"), []string{"read body:/secret"}, []string{"read"}},
		{"nothing to use", post(isJSON, member("x")), nil, nil},
		{"another member", post(isJSON, `{"text":"`+named("read")+`"}`), nil, nil},
		{"another type", post("text/plain", member(named("read"))), nil, nil},
		{"a body that the other half is not shown", func() *access.Request {
			r := post(isJSON, member(named("read")))
			r.Route = "r"
			return r
		}(), nil, nil},
		{"no body", post(isJSON, ""), nil, nil},
	} {
		f := newBodyFakes(t)
		d := f.decider(t).Decide(t.Context(), tt.r, nil)
		if d.Outcome != access.Allow {
			t.Errorf("%s: %+v", tt.name, d.Refusal)
			continue
		}
		if got := places(d.Grant); !reflect.DeepEqual(got, tt.uses) || !reflect.DeepEqual(f.used, tt.leases) {
			t.Errorf("%s: grant %q under leases over %q", tt.name, got, f.used)
		}
	}
}

func TestATicketInABodySaysWhoCalls(t *testing.T) {
	f := newBodyFakes(t)
	f.who = access.Principal{}
	d := f.decider(t).Decide(t.Context(), post(isForm, "secret="+f.ticket(t, agent, "read")), nil)
	if d.Outcome != access.Allow || d.Grant.Principal != agent.ID() || d.Grant.Uses[0].Lease != "ticket-read" || len(f.used) != 0 {
		t.Errorf("got %+v, %+v", d.Grant, d.Refusal)
	}
}

func TestRefusesForABody(t *testing.T) {
	many := "secret=" + strings.Repeat(named("read"), inventory.MaxFound+1)
	for _, tt := range []struct {
		name string
		r    *access.Request
		code access.Code
	}{
		{"another group's", post(isJSON, member(named("theirs"))), access.NotGranted},
		{"one that needs an approval", post(isJSON, member(named("hot"))), access.ApprovalPending},
		{"forged", post(isJSON, member("ckr_read_"+strings.Repeat("0", 26))), access.UnknownPlaceholder},
		{"no JSON", post(isJSON, member(named("read"))+"x"), access.Denied},
		{"an overriding header", post(isJSON, member(named("read")), "x-http-method-override", "PUT"), access.Denied},
		{"compressed otherwise than it says", post(isJSON, "{}", "content-encoding", "gzip"), access.Denied},
		{"compressed, a bomb", post(isJSON, gzipped(strings.Repeat(" ", 32<<20)), "content-encoding", "gzip"), access.Denied},
		{"compressed in a way that nobody knows", post(isJSON, member("x"), "content-encoding", "x-none"), access.Unsupported},
		{"many", post(isForm, many), access.TooLarge},
		{"many, with the headers'", post(isForm, "secret="+named("read"), "x-note", strings.Repeat(named("read"), inventory.MaxFound)), access.TooLarge},
	} {
		f := newBodyFakes(t)
		d := f.decider(t).Decide(t.Context(), tt.r, nil)
		if d.Outcome == access.Allow || d.Refusal == nil || d.Refusal.Code != tt.code || len(f.used) != 0 && tt.code != access.ApprovalPending {
			t.Errorf("%s: got %+v, %+v", tt.name, d, d.Refusal)
		}
	}
}

// TestWhatMayComeIsForeseen: of a body that is cut, what could still stand in it
// is shown to policy and granted, but nothing that needs an approval.
func TestWhatMayComeIsForeseen(t *testing.T) {
	all := []string{"more body:/secret", "more form:secret", "read body:/secret", "read form:secret"}
	for _, tt := range []struct {
		name  string
		grant []string // policy's
		who   func(*fakes) string
		want  []string
	}{
		{"by token", nil, func(*fakes) string { return "" }, all},
		{"one is there already", nil, func(*fakes) string { return named("read") }, append([]string{"read body:/secret", "read form:secret"}, all[:2]...)},
		{"as far as policy grants it", []string{"read"}, func(*fakes) string { return "" }, all[2:]},
		{"by ticket", nil, func(f *fakes) string { f.who = access.Principal{}; return f.ticket(t, agent, "read") }, []string{"read body:/secret"}},
	} {
		f := newBodyFakes(t)
		f.verdict = func(*access.Input) (access.Verdict, error) {
			return access.Verdict{Outcome: access.Allow, Grant: tt.grant}, nil
		}
		body := `{"secret":"` + tt.who(f) + `","x":"`
		r := post(isJSON, body+strings.Repeat("x", access.JudgedBody-len(body)))
		d := f.decider(t).Decide(t.Context(), r, nil)
		if d.Outcome != access.Allow {
			t.Errorf("%s: %+v", tt.name, d.Refusal)
			continue
		}
		if got := places(d.Grant); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: granted %q, want %q", tt.name, got, tt.want)
		}
		if slices.ContainsFunc(f.asked.Placeholders, func(p access.Placeholder) bool { return p.Name == "hot" || p.Name == "theirs" }) {
			t.Errorf("%s: policy was told %+v", tt.name, f.asked.Placeholders)
		}
		if seen := f.entries[0].Decision.Seen; len(seen) != 0 {
			t.Errorf("%s: the log saw %+v", tt.name, seen)
		}
	}
}

// TestAMessageIsForeseen: the handshake of a WebSocket tells nothing of its first
// message.
func TestAMessageIsForeseen(t *testing.T) {
	f := newBodyFakes(t)
	r := post("", "")
	r.Route = "r+upgrade"
	d := f.decider(t).Decide(t.Context(), r, nil)
	if d.Outcome != access.Allow || !reflect.DeepEqual(places(d.Grant), []string{"more message:/secret", "read message:/secret"}) {
		t.Errorf("got %+v, %+v", d.Grant, d.Refusal)
	}
	r.Route = "r"
	if d := f.decider(t).Decide(t.Context(), r, nil); d.Outcome != access.Allow || len(d.Grant.Uses) != 0 {
		t.Errorf("without an upgrade: %+v, %+v", d.Grant, d.Refusal)
	}
}
