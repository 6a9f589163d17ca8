package whatif

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/inventory"
	"cloakroom/internal/record"
	"cloakroom/internal/recording"
)

// day is one of everything that can become of a request.
func day(t *testing.T) *world {
	w := newWorld(t)
	basic := func(text string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(text)) }
	for _, r := range []*access.Request{
		to("GET", "/api/repos/a", "authorization", "Bearer "+w.named("read")),
		to("GET", "/api/repos/a?key="+w.named("read")),
		to("GET", "/api/repos/"+w.named("read")),
		to("GET", "/api/repos/a", "cookie", "s="+w.named("read")),
		to("GET", "/api/repos/a", "authorization", basic("x:"+w.named("read"))),
		to("GET", "/api/repos/a", "authorization", "Bearer "+w.named("theirs")),
		to("DELETE", "/api/repos/a", "authorization", "Bearer "+w.named("read")),
		to("GET", "/api/elsewhere", "authorization", "Bearer "+w.named("read")),
		to("GET", "/api/repos/a"),
		to("GET", "/nowhere"),
		to("GET", "/api/repos/a", "authorization", "Bearer ckr_read_00000000000000000000000000"),
		to("GET", "/api/repos/a", "authorization", "Bearer ckr_none_00000000000000000000000000"),
		to("GET", "/api/repos/a", "authorization", "Bearer "+w.named("read"), "x-note", w.named("hot")),
		to("GET", "/api/repos/a", "authorization", "Bearer "+w.named("read"), "x-host", "evil.example.com"),
		to("GET", "/api/repos/a", "authorization", "Bearer "+w.named("read"), "x-cloakroom-session", "s 1"),
		to("GET", "/api/repos/a", "authorization", "Bearer "+w.named("read"), "x-cloakroom-session", "s1"),
		hook(`{"token": "` + w.named("hook") + `"}`),
		hook(`{"other": "` + w.named("hook") + `"}`),
		hook(`{"token": "` + w.named("read") + `"}`),
	} {
		w.send(r)
	}
	ticket := w.ticket("read")
	w.send(to("GET", "/api/repos/a", "authorization", "Bearer "+ticket))
	w.send(to("GET", "/api/repos/a?key="+ticket))
	w.send(to("GET", "/api/repos/a", "authorization", basic(ticket+":")))
	w.send(to("POST", "/api/elsewhere", "authorization", "Bearer "+ticket))
	w.who = access.Principal{}
	w.send(to("GET", "/api/repos/a", "authorization", "Bearer "+ticket))
	w.who = agent
	asked := w.send(to("GET", "/api/repos/a", "authorization", "Bearer "+w.named("hot")))
	w.approve(asked.Refusal.Approval)
	w.send(to("GET", "/api/repos/a", "authorization", "Bearer "+w.named("hot")))
	w.now = w.now.Add(time.Hour)
	w.send(to("GET", "/api/repos/a", "authorization", "Bearer "+ticket))
	return w
}

// TestTheSameRulesAnswerTheSame decides everything again by the rules that were in
// force.
func TestTheSameRulesAnswerTheSame(t *testing.T) {
	w := day(t)
	outcomes := map[Answer]int{}
	for _, v := range w.judge(true, w.rules()) {
		outcomes[v.Before]++
		if v.Differs() || v.Undecidable != "" || v.Grounds != Recorded {
			t.Errorf("%s %s: before %v, after %v (%s), on %s%s", v.Case.Decision.Method, v.Case.Decision.Path, v.Before, v.After, v.Reason, v.Grounds, v.Undecidable)
		}
	}
	for _, a := range []Answer{{access.Allow, "", "read"}, {access.NeedsApproval, access.ApprovalPending, ""}, {access.Deny, access.NotGranted, ""},
		{access.Deny, access.UnknownPlaceholder, ""}, {access.Deny, access.LeaseExpired, ""}, {access.Deny, access.Denied, ""}} {
		if outcomes[a] == 0 {
			t.Errorf("the day has no %v", a)
		}
	}
}

// TestTheLogAloneSaysWhatItCanSay does the same without recordings.
func TestTheLogAloneSaysWhatItCanSay(t *testing.T) {
	w := day(t)
	undecidable := 0
	for _, v := range w.judge(false, w.rules()) {
		switch {
		case v.Undecidable != "":
			undecidable++
		case v.Case.Decision.Reason == "" || strings.Contains(v.Case.Decision.Reason, "x-host") || strings.Contains(v.Case.Decision.Reason, "x-cloakroom-session"):
			// what the log does not have
		case v.Differs() || v.Grounds != Logged:
			t.Errorf("%s %s: before %v (%s), after %v (%s)", v.Case.Decision.Method, v.Case.Decision.Path, v.Before, v.Case.Decision.Reason, v.After, v.Reason)
		}
	}
	if undecidable != 2 {
		t.Errorf("%d with a placeholder in the body were said to be undecidable", undecidable)
	}
}

// others change one thing at a time.
var others = []struct {
	name   string
	change func(*testing.T, *world, *Rules)
	send   func(*world)
	want   Answer
}{
	{"a policy that denies", func(t *testing.T, _ *world, r *Rules) { r.Policy = policy(t, noGets) }, simple, Answer{access.Deny, access.Denied, ""}},
	{"a policy that asks for people", func(t *testing.T, _ *world, r *Rules) { r.Policy = policy(t, asks) }, simple, Answer{access.NeedsApproval, access.ApprovalPending, ""}},
	{"a policy that breaks", func(t *testing.T, _ *world, r *Rules) { r.Policy = policy(t, breaks) }, simple, Answer{access.Deny, access.Unavailable, ""}},
	{"a policy that reads headers", func(t *testing.T, _ *world, r *Rules) { r.Policy = policy(t, noTests) }, simple, Answer{access.Deny, access.Denied, ""}},
	{"a policy of office hours", func(t *testing.T, _ *world, r *Rules) { r.Policy = policy(t, noNoon) }, simple, Answer{access.Deny, access.Denied, ""}},
	{"a credential that is gone", change(func(cs []inventory.Credential) []inventory.Credential { return cs[1:] }), simple, Answer{access.Deny, access.UnknownPlaceholder, ""}},
	{"another group", change(func(cs []inventory.Credential) []inventory.Credential {
		cs[0].Groups = group("others")
		return cs
	}), simple, Answer{access.Deny, access.NotGranted, ""}},
	{"a group for what was another's", change(func(cs []inventory.Credential) []inventory.Credential {
		cs[2].Groups = group("ai-agents")
		return cs
	}), func(w *world) {
		w.send(to("GET", "/api/repos/a", "authorization", "Bearer "+w.named("theirs")))
	}, Answer{access.Allow, "", "theirs"}},
	{"a narrower rule", change(func(cs []inventory.Credential) []inventory.Credential {
		cs[0].Rules[0].Methods = []string{"POST"}
		return cs
	}), simple, Answer{access.Deny, access.NotGranted, ""}},
	{"a tier that asks people", change(func(cs []inventory.Credential) []inventory.Credential {
		cs[0].Tier = cs[1].Tier
		return cs
	}), simple, Answer{access.NeedsApproval, access.ApprovalPending, ""}},
	{"more people", change(func(cs []inventory.Credential) []inventory.Credential {
		two := *cs[1].Tier.Approval
		two.Count = 2
		cs[1].Tier.Approval = &two
		return cs
	}), approved, Answer{access.NeedsApproval, access.ApprovalPending, ""}},
	{"people no more", change(func(cs []inventory.Credential) []inventory.Credential {
		cs[1].Tier.Approval = nil
		return cs
	}), func(w *world) {
		w.send(to("GET", "/api/repos/a", "authorization", "Bearer "+w.named("hot")))
	}, Answer{access.Allow, "", "hot"}},
	{"people for a ticket", change(func(cs []inventory.Credential) []inventory.Credential {
		cs[0].Tier = cs[1].Tier
		return cs
	}), func(w *world) {
		w.send(to("GET", "/api/repos/a", "authorization", "Bearer "+w.ticket("read")))
	}, Answer{access.Deny, access.NotGranted, ""}},
	{"another place in the body", change(func(cs []inventory.Credential) []inventory.Credential {
		cs[3].Rules[0].In[0].Name = "/elsewhere"
		return cs
	}), func(w *world) { w.send(hook(`{"token": "` + w.named("hook") + `"}`)) }, Answer{access.Allow, "", ""}},
	{"no such issuer", func(_ *testing.T, _ *world, r *Rules) {
		r.Issuers = map[string][]string{"https://other.example.com": nil}
	}, simple, Answer{access.Deny, access.Unauthenticated, ""}},
	{"a group that does not count", func(_ *testing.T, _ *world, r *Rules) { r.Issuers = map[string][]string{issuer: {"others"}} }, simple, Answer{access.Deny, access.NotGranted, ""}},
	{"no such upstream", func(_ *testing.T, _ *world, r *Rules) { r.Upstreams = nil }, simple, Answer{access.Deny, access.Denied, ""}},
}

func TestOtherRules(t *testing.T) {
	for _, tt := range others {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			tt.send(w)
			r := w.rules()
			tt.change(t, w, &r)
			all := w.judge(true, r)
			v := all[len(all)-1]
			if !v.Differs() || v.After != tt.want {
				t.Errorf("before %v, after %v (%s)%s", v.Before, v.After, v.Reason, v.Undecidable)
			}
		})
	}
}

// Policies of an author's. The last takes the built-in one's place.
const (
	author  = "package cloakroom.author\n\nimport rego.v1\n\n"
	noGets  = author + "deny contains \"no reading today\" if input.target.method == \"GET\"\n"
	noTests = author + "deny contains \"no tests\" if input.attributes.request.http.headers[\"user-agent\"] == \"test\"\n"
	noNoon  = author + "deny contains \"not at noon\" if time.clock(time.now_ns())[0] == 12\n"
	noDrops = author + "deny contains \"no drops\" if input.parsed_body.do == \"drop\"\n"
	breaks  = author + "deny := {1, 2} if true\n\ndeny := {3} if input.target.method == \"GET\"\n"
	asks    = "package mine\n\nimport rego.v1\n\ndecision := {\"allowed\": false, \"approval\": true, \"code\": \"approval_pending\"}\n"
)

func change(by func([]inventory.Credential) []inventory.Credential) func(*testing.T, *world, *Rules) {
	return func(t *testing.T, _ *world, r *Rules) { r.Inventory = compile(t, by(credentials())) }
}

// simple is a request that is allowed.
func simple(w *world) {
	w.send(to("GET", "/api/repos/a", "authorization", "Bearer "+w.named("read")))
}

// denied is one that the rules do not permit.
func denied(w *world) {
	w.send(to("DELETE", "/api/repos/a", "authorization", "Bearer "+w.named("read")))
}

// approved is one that a person has approved.
func approved(w *world) {
	hot := func() access.Decision {
		return w.send(to("GET", "/api/repos/a", "authorization", "Bearer "+w.named("hot")))
	}
	w.approve(hot().Refusal.Approval)
	hot()
}

// unknown lists what cannot be decided again.
var unknown = []struct {
	name string
	send func(*world)
	then func(*Rules, *Case)
	want string
}{
	{"a lease that is forgotten", approved, func(r *Rules, _ *Case) { r.Lease = nil }, "how many people approved"},
	{"no groups", simple, func(_ *Rules, c *Case) { c.Decision.Groups = nil }, "groups"},
	{"as many groups as the log keeps", func(w *world) {
		for i := range 100 {
			w.who.Groups = append(w.who.Groups, fmt.Sprint("group-", i))
		}
		simple(w)
	}, func(*Rules, *Case) {}, "more groups"},
	{"a group that is too long for the log", func(w *world) {
		w.who.Groups = []string{"ai-agents", strings.Repeat("ä", 100)}
		simple(w)
	}, func(*Rules, *Case) {}, "more groups"},
	{"a path that is too long for the log", func(w *world) { w.send(to("GET", "/api/repos/"+strings.Repeat("a", 5000))) },
		func(_ *Rules, c *Case) { c.Recording = nil }, "path is longer"},
	{"more than the log keeps", simple, func(_ *Rules, c *Case) { c.Decision.UsesCut = 1 }, "more placeholders"},
	{"nothing could be recorded", func(w *world) {
		w.bar = true
		simple(w)
	}, func(*Rules, *Case) {}, "rules say nothing of"},
	{"too many in a minute", func(w *world) {
		for range 101 {
			simple(w)
		}
	}, func(*Rules, *Case) {}, "rules say nothing of"},
	{"two identities", func(w *world) {
		ticket := w.ticket("read")
		w.who.Subject = "another"
		w.send(to("GET", "/api/repos/a", "authorization", "Bearer "+ticket))
	}, func(*Rules, *Case) {}, "rules say nothing of"},
	{"a body of which nothing is kept", func(w *world) { w.send(hook(`{"token": "` + w.named("hook") + `"}`)) }, func(_ *Rules, c *Case) {
		c.Recording.Sent.Kept, c.Recording.Events = 0, c.Recording.Events[:1]
	}, "body is not recorded"},
	{"a body that nobody looked at", plainHook("content-length", "30"), unseenBody, "body is not recorded"},
	{"a body of a length that nobody knows", plainHook(), unseenBody, "body is not recorded"},
	{"a body of which the end is missing", func(w *world) { w.send(hook(`{"token": "` + w.named("hook") + `"}`)) }, func(_ *Rules, c *Case) {
		h := c.Recording.Events[0].Head
		h.Headers = append(h.Headers, access.Header{Name: "content-length", Value: "1000"})
	}, "body is not recorded"},
	{"a recording without a head", simple, func(_ *Rules, c *Case) { c.Recording.Events = nil }, "no head"},
	{"what it was refused for", denied, func(_ *Rules, c *Case) { c.Decision.Cause = "" }, "what it was refused for"},
	{"a cause of another version", denied, func(_ *Rules, c *Case) { c.Decision.Cause = "moon" }, "what it was refused for"},
	{"what a server would say", simple, func(r *Rules, _ *Case) { r.Policy = asking{} }, "asks a server"},
	{"a place that is not known", simple, func(_ *Rules, c *Case) { c.Recording, c.Decision.Uses[0].Location = nil, "moon" }, "not known"},
}

// asking is a policy that asks a server.
type asking struct{}

func (asking) Evaluate(context.Context, *access.Input) (access.Verdict, error) {
	return access.Verdict{}, fmt.Errorf("evaluating: %w", access.ErrAsks)
}
func (asking) Revision() string { return "asking" }
func (asking) WantsBody() bool  { return false }

// plainHook sends a request on a route on which no body is shown.
func plainHook(headers ...string) func(*world) {
	return func(w *world) {
		r := to("POST", "/a", append(headers, "content-type", "application/json")...)
		r.Route, r.Cluster = "hooks", "h"
		w.send(r)
	}
}

// unseenBody is a recording of the head alone.
func unseenBody(_ *Rules, c *Case) { c.Recording.Events = c.Recording.Events[:1] }

// TestAPolicyThatReadsBodies decides on what is kept of them, and on nothing else.
func TestAPolicyThatReadsBodies(t *testing.T) {
	asked := func(r *Rules) { // people, about what may stand in no body
		cs := credentials()
		cs[3].Tier, cs[3].Rules[0].In = cs[1].Tier, cs[0].Rules[0].In
		r.Inventory = compile(t, cs)
	}
	same := func(*Rules) {}
	all := func(*Case) {}
	hash := func(c *Case) { c.Recording.Events, c.Recording.Sent.Kept = c.Recording.Events[:1], 0 }
	none := func(c *Case) { hash(c); c.Recording.Sent.SHA256 = record.Hash{} }
	for name, tt := range map[string]struct {
		rules func(*Rules)
		then  func(*Case)
		route string
		want  string // why it is undecidable; empty: it is denied
	}{
		"on record":                    {same, all, "hooks+body", ""},
		"on record, people are asked":  {asked, all, "hooks", ""},
		"on record, people were asked": {asked, all, "hooks+check", ""},
		"hash":                         {same, hash, "hooks+body", unkept},
		"hash, people are asked":       {asked, hash, "hooks", unkept},
		"none":                         {same, none, "hooks+body", unkept},
		"none, people were asked":      {asked, none, "hooks+check", unkept},
		"no recording":                 {same, func(c *Case) { c.Recording = nil }, "hooks+body", unkept},
	} {
		w := newWorld(t)
		q := hook(`{"do": "drop"}`)
		q.Route = tt.route
		w.send(q)
		c, r := w.cases(true)[0], w.rules()
		tt.rules(&r)
		tt.then(&c)
		r.Policy = policy(t, noDrops)
		j, err := New(r)
		if err != nil {
			t.Fatal(err)
		}
		if v := j.Judge(t.Context(), c); v.Undecidable != tt.want || (tt.want == "") != (v.After.Code == access.Denied && v.Reason == "no drops") {
			t.Errorf("%s: got %v (%s)%s", name, v.After, v.Reason, v.Undecidable)
		}
	}
}

// TestARequestWithoutABodyIsDecided has no body for a rule that looks into one.
func TestARequestWithoutABodyIsDecided(t *testing.T) {
	for _, headers := range [][]string{{"content-length", "0"}, {"content-length", "2", "content-encoding", "gzip"}} {
		w := newWorld(t)
		plainHook(headers...)(w)
		all, r := w.cases(true), w.rules()
		if len(headers) > 2 {
			all[0].Recording.Sent = recording.Sum{Bytes: 1, Kept: 1}
			all[0].Recording.Events[1].Data = []byte("1")
		}
		j, err := New(r)
		if err != nil {
			t.Fatal(err)
		}
		if v := j.Judge(t.Context(), all[0]); v.Differs() || v.Undecidable != "" {
			t.Errorf("%v: got %+v", headers, v)
		}
	}
}

func TestWhatIsNotKnownIsNotGuessed(t *testing.T) {
	for _, tt := range unknown {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			tt.send(w)
			all, r := w.cases(true), w.rules()
			c := all[len(all)-1]
			tt.then(&r, &c)
			j, err := New(r)
			if err != nil {
				t.Fatal(err)
			}
			v := j.Judge(t.Context(), c)
			if v.Differs() || !strings.Contains(v.Undecidable, tt.want) {
				t.Errorf("got %+v", v)
			}
		})
	}
}

// TestARefusalForTheMomentIsNoDifference refuses for another reason now.
func TestARefusalForTheMomentIsNoDifference(t *testing.T) {
	w := newWorld(t)
	w.bar = true
	simple(w)
	r := w.rules()
	r.Policy = policy(t, noGets)
	if v := w.judge(true, r)[0]; v.Differs() || v.Undecidable != "" {
		t.Errorf("got %+v", v)
	}
}

func TestWhatIsMissingIsAnError(t *testing.T) {
	whole := newWorld(t).rules()
	for i, take := range []func(*Rules){func(r *Rules) { r.Inventory = nil }, func(r *Rules) { r.Policy = nil }, func(r *Rules) { r.Issuers = nil }} {
		r := whole
		take(&r)
		if _, err := New(r); err == nil {
			t.Errorf("%d: no error", i)
		}
	}
}

// refusedFor is a request that the rules let go, as if it had been refused for a cause.
func refusedFor(w *world, cause access.Cause) Case {
	simple(w)
	c := w.cases(true)[0]
	c.Decision.Outcome, c.Decision.Code, c.Decision.Cause, c.Decision.Uses = access.Deny, cause.Code(), cause, nil
	return c
}

// TestEveryCauseIsJudged decides what was refused for each again, by rules that let it
// go.
func TestEveryCauseIsJudged(t *testing.T) {
	moment := []access.Cause{access.CauseManyLeases, access.CauseManyRequests, access.CauseTokenExpired, access.CauseGivenUp,
		access.CauseRulesChanged, access.CauseTwoIdentities, access.CauseStolen, access.CauseScope, access.CauseLeases,
		access.CauseUnrecorded, access.CauseUnlogged, access.CauseInternal}
	for _, cause := range access.Causes() {
		w := newWorld(t)
		c := refusedFor(w, cause)
		j, err := New(w.rules())
		if err != nil {
			t.Fatal(err)
		}
		v := j.Judge(t.Context(), c)
		ofMoment := slices.Contains(moment, cause)
		if strings.Contains(v.Undecidable, "rules say nothing of") != ofMoment || strings.Contains(v.Undecidable, "not in the log") {
			t.Errorf("%s: %+v", cause, v)
		}
	}
}

// TestTheWordsOfAReasonDecideNothing: a policy says what it likes, with which code it
// likes.
func TestTheWordsOfAReasonDecideNothing(t *testing.T) {
	for _, code := range []access.Code{access.LeaseExpired, access.ApprovalDenied, access.Unavailable, access.UnknownPlaceholder} {
		w := newWorld(t)
		c := refusedFor(w, access.CausePolicy)
		c.Decision.Code, c.Decision.Reason = code, "stolen: too many requests in this minute"
		j, err := New(w.rules())
		if err != nil {
			t.Fatal(err)
		}
		if v := j.Judge(t.Context(), c); v.After.Outcome != access.Allow || v.Undecidable != "" {
			t.Errorf("%s: %+v", code, v)
		}
	}
}
