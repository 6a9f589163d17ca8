package verify

import (
	"crypto/sha256"
	"strings"
	"testing"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/inventory"
	"cloakroom/internal/record"
	"cloakroom/internal/recording"
)

// harm is what may be wrong with an exchange, and what is then found.
type harm struct {
	name string
	harm func(w *world, c *call)
	what What
	says string // part of the finding
}

// world is one in which an exchange was harmed.
func (h harm) world(t *testing.T) *world {
	w := newWorld(t)
	w.lease(noon, "active", "")
	c := usual("e1")
	h.harm(w, c)
	w.happen(noon.Add(time.Minute), c)
	return w
}

var harms = []harm{
	{"the value in a body", func(_ *world, c *call) { c.gets(`{"token":"` + value + `"}`) }, Leak, `in the response body, bytes 10 to 50`},
	{"cut in pieces", func(_ *world, c *call) { c.gets(value[:7], value[7:8], value[8:]) }, Leak, "bytes 0 to 40"},
	{"as base64", func(_ *world, c *call) { c.gets(std("user:" + value)) }, Leak, "as base64"},
	{"a past value", func(_ *world, c *call) { c.gets(former) }, Leak, `credential "old"`},
	{"in a header", func(_ *world, c *call) {
		c.tape.Events[1].Head.Headers = append(c.tape.Events[1].Head.Headers, access.Header{Name: "x-echo", Value: value})
	}, Leak, "response head, x-echo"},
	{"in a header's name", func(_ *world, c *call) {
		c.tape.Events[1].Head.Headers = append(c.tape.Events[1].Head.Headers, access.Header{Name: "x-" + value, Value: "1"})
	}, Leak, "response head, a name"},
	{"in a trailer", func(_ *world, c *call) {
		c.tape.Events = append(c.tape.Events, recording.Event{Kind: recording.Trailers, Head: &recording.Head{Headers: []access.Header{{Name: "t", Value: value}}}})
	}, Leak, "in the trailers, t"},
	{"in a control frame", func(_ *world, c *call) {
		c.tape.Events = append(c.tape.Events, recording.Event{Kind: recording.Control, Head: &recording.Head{Headers: []access.Header{{Name: "ping", Value: value}}}})
	}, Leak, "in the control frame, ping"},
	{"in a control frame of the agent's", func(_ *world, c *call) {
		c.tape.Events = append(c.tape.Events, recording.Event{Kind: recording.ControlSent, Head: &recording.Head{Headers: []access.Header{{Name: "close", Value: "\x03\xe8" + value}}}})
	}, Kept, "in the control frame that was sent, close"},
	{"in a message", func(_ *world, c *call) {
		c.tape.Events = append(c.tape.Events[:2], recording.Event{Kind: recording.MessageGot, Data: []byte(value)})
		c.tape.Got = recording.Sum{Bytes: 40, Kept: 40, SHA256: sha256.Sum256([]byte(value))}
	}, Leak, "in the message 1"},
	{"over two messages", func(_ *world, c *call) {
		c.tape.Events = append(c.tape.Events[:2], recording.Event{Kind: recording.MessageGot, Data: []byte(value[:20])},
			recording.Event{Kind: recording.MessageGot, Data: []byte(value[20:])})
		c.tape.Got = recording.Sum{Bytes: 40, Kept: 40, SHA256: sha256.Sum256([]byte(value))}
	}, Leak, "in the messages,"},
	{"in a control frame", func(_ *world, c *call) {
		c.tape.Events = append(c.tape.Events, recording.Event{Kind: recording.Control, Head: &recording.Head{Headers: []access.Header{{Name: "ping", Value: value}}}})
	}, Leak, "in the control frame, ping"},
	{"in a control frame of the agent's", func(_ *world, c *call) {
		c.tape.Events = append(c.tape.Events, recording.Event{Kind: recording.ControlSent, Head: &recording.Head{Headers: []access.Header{{Name: "close", Value: "\x03\xe8" + value}}}})
	}, Kept, "in the control frame that was sent, close"},
	{"in what was sent", func(_ *world, c *call) { c.tape.Events[0].Head.Path = "/a?" + value }, Kept, "request head, :path"},
	{"in the log", func(_ *world, c *call) { c.decision.Reason = value }, Kept, "in the log"},

	{"another hash", func(_ *world, c *call) { c.tape.Got.SHA256[0]++ }, Changed, "response body"},
	{"a byte less", func(_ *world, c *call) { c.tape.Events[2].Data = c.tape.Events[2].Data[1:] }, Changed, "response body"},
	{"no end of the tape", func(_ *world, c *call) { c.tape.Complete = false }, Changed, "it has no end"},
	{"another's recording", func(_ *world, c *call) { c.tape.Exchange = "e9" }, Changed, "another exchange"},
	{"changed parts", func(w *world, _ *call) { w.gone["e1"] = recording.ErrBroken }, Changed, "e1"},
	{"a key that is not here", func(w *world, _ *call) { w.gone["e1"] = recording.ErrKey }, Sealed, "e1"},
	{"deleted before its time", func(w *world, _ *call) { w.gone["e1"] = recording.ErrGone }, Unrecorded, "e1"},

	{"at another place", func(_ *world, c *call) { c.end.Substitutions[0].Location = "query:k" }, NoUse, "query:k"},
	{"another credential", func(_ *world, c *call) { c.end.Substitutions[0].Credential = "other" }, NoUse, `"other"`},
	{"refused, and put in", func(_ *world, c *call) { c.decision.Outcome = access.Deny }, NoUse, "refused"},
	{"another path", func(_ *world, c *call) { c.decision.Path = "/b" }, NotPermitted, "git"},
	{"another reading of the path", func(_ *world, c *call) { c.decision.Path = "/a/%2e%2e/b" }, NotPermitted, "git"},
	{"a path with an ellipsis of its own", func(_ *world, c *call) { c.decision.Path = "/b/…" }, NotPermitted, "git"},
	{"another method", func(_ *world, c *call) { c.decision.Method = "POST" }, NotPermitted, "git"},
	{"another host", func(_ *world, c *call) { c.decision.Host = "evil.example.com" }, NotPermitted, "git"},
	{"where no rule lets it stand", func(_ *world, c *call) {
		c.decision.Uses[0].Location, c.end.Substitutions[0].Location = "query:k", "query:k"
	}, NotPermitted, "git"},

	{"a lease that nobody knows", func(_ *world, c *call) { c.decision.Uses[0].Lease = "lease2" }, NoLease, "lease2"},
	{"another's lease", func(_ *world, c *call) { c.decision.Subject = "mallory" }, OtherLease, "lease1"},
	{"after its time", func(_ *world, c *call) { c.decision.Uses[0].LeaseEnds = noon }, Ended, "time was over"},
	{"longer than it lasts", func(_ *world, c *call) { c.decision.Uses[0].LeaseEnds = noon.Add(time.Hour) }, Ended, "time was over"},
	{"revoked", func(w *world, _ *call) { w.lease(noon.Add(10*time.Second), "ended", "revoked") }, Ended, "revoked"},
	{"without approval", func(w *world, _ *call) {
		w.inForce(noon.Add(20*time.Second), inventory.Tier{Name: "high", Lease: time.Minute, Approval: &inventory.Approval{Count: 1}})
	}, Unapproved, "more people"},
	{"without the approval that is asked for since three seconds", func(w *world, _ *call) {
		w.inForce(noon.Add(57*time.Second), inventory.Tier{Name: "high", Lease: time.Minute, Approval: &inventory.Approval{Count: 1}})
	}, Unapproved, "more people"},
	{"approved by itself", func(w *world, _ *call) {
		w.inForce(noon.Add(20*time.Second), inventory.Tier{Name: "high", Lease: time.Minute, Approval: &inventory.Approval{Count: 1}})
		w.approve(issuer+"#agent", "p1")
	}, Unapproved, "more people"},
	{"one person twice", func(w *world, _ *call) {
		w.inForce(noon.Add(20*time.Second), inventory.Tier{Name: "high", Lease: time.Minute, Approval: &inventory.Approval{Count: 2}})
		w.approve(issuer+"#p1", "p1")
		w.approve(issuer+"#p1b", "p1")
	}, Unapproved, "more people"},
	{"approved by the human behind it", func(w *world, _ *call) {
		w.inForce(noon.Add(20*time.Second), inventory.Tier{Name: "high", Lease: time.Minute, Approval: &inventory.Approval{Count: 1}})
		w.append(record.Entry{Time: noon.Add(25 * time.Second), Lease: &record.Lease{ID: "lease1", Issuer: issuer, Subject: "agent",
			Person: "p1", Credential: "git", State: "pending"}})
		w.approve(issuer+"#p1", "p1")
	}, Unapproved, "more people"},
	{"another operation than was approved", func(w *world, c *call) {
		w.scoped("operation", "GET api.example.com/a/b?c=e")
	}, OtherOperation, "good for GET api.example.com/a/b?c=e"},
	{"another path than was approved", func(w *world, c *call) {
		w.scoped("path", "GET api.example.com/a/c?c=d")
	}, OtherOperation, "lease1"},
	{"another method than was approved", func(w *world, c *call) {
		c.decision.Path = "/a/ckr_git_[ticket]"
		w.scoped("path", "POST api.example.com/a/ckr_git_<ticket>")
	}, OtherOperation, "lease1"},
	{"another operation than was approved, with brackets", func(w *world, c *call) {
		c.decision.Path = "/a/b?f[x]=2"
		w.scoped("operation", "GET api.example.com/a/b?f[x]=1")
	}, OtherOperation, "lease1"},
	{"another operation than was approved, with a mark of its own", func(w *world, c *call) {
		c.decision.Path = "/a/z?q=[token]"
		w.scoped("operation", "GET api.example.com/a/b?q=1")
	}, OtherOperation, "lease1"},
	{"more than was approved, behind a placeholder's place", func(w *world, c *call) {
		c.decision.Path = "/a/b/ckr_git_[ticket]"
		w.scoped("path", "GET api.example.com/a/b")
	}, OtherOperation, "lease1"},
	{"two leases at one place, of which nobody knows the second", func(_ *world, c *call) {
		second := c.decision.Uses[0]
		second.Lease = "lease2"
		c.decision.Uses = append(c.decision.Uses, second)
	}, NoLease, "lease2"},
	{"under a lease that nobody knows, where the end has no room", func(_ *world, c *call) {
		c.decision.Uses = append(c.decision.Uses, record.Use{Credential: "other", Location: "query:k", Lease: "lease2", LeaseEnds: noon.Add(15 * time.Minute)})
		c.end.SubstitutionsCut = 1
	}, NoLease, "lease2"},
	{"another credential under a lease that was judged", func(_ *world, c *call) {
		c.decision.Uses = append(c.decision.Uses, record.Use{Credential: "other", Location: "query:k", Lease: "lease1", LeaseEnds: noon.Add(15 * time.Minute)})
		c.end.Substitutions = append(c.end.Substitutions, record.Substitution{Credential: "other", Location: "query:k", N: 1})
		c.decision.Path = "/a/" + strings.Repeat("x", 5000) // which no rule is asked about
	}, OtherLease, `"other"`},
	{"after a crash, without a lease", func(_ *world, c *call) {
		c.end.Error, c.end.Substitutions, c.decision.Uses[0].Lease = recording.Unended, nil, "lease2"
	}, NoLease, "lease2"},
	{"after a crash, another path", func(_ *world, c *call) {
		c.end.Error, c.end.Substitutions, c.decision.Path = recording.Unended, nil, "/b"
	}, NotPermitted, "git"},
	{"a second decision", func(w *world, c *call) { w.append(record.Entry{Time: noon.Add(time.Minute), Decision: &c.decision}) }, Twice, "e1"},
	{"a second end", func(w *world, c *call) { w.append(record.Entry{End: &c.end}) }, Twice, "e1"},
	{"an end of nothing", func(w *world, _ *call) { w.append(record.Entry{End: &usual("e7").end}) }, NoDecision, "e7"},
	{"an end of nothing, with a value put in", func(w *world, _ *call) {
		e := usual("e7").end
		e.Error = recording.Unwanted
		w.append(record.Entry{End: &e})
	}, NoDecision, "e7"},
	{"fingerprints that are not there", func(w *world, _ *call) {
		w.append(record.Entry{Time: noon, Reload: &record.Reload{Error: "none", Prints: 3, Book: record.Hash{1}}})
	}, Fingerprints, "lines"},
	{"without the approval that policy alone asked for", func(_ *world, c *call) { c.decision.Uses[0].Needs = 1 }, Unapproved, "the policy asks for more people"},
	{"one person, where policy asked for two", func(w *world, c *call) {
		w.approve(issuer+"#p1", "p1")
		c.decision.Uses[0].Needs = 2
	}, Unapproved, "more people"},
	{"a lease that was asked of people, and began without them", func(w *world, _ *call) {
		w.append(record.Entry{Time: noon.Add(10 * time.Second), Lease: &record.Lease{ID: "lease1", Issuer: issuer, Subject: "agent", Credential: "git",
			State: "active", Ends: noon.Add(15 * time.Minute), Needs: 1}})
	}, Unapproved, "more people"},
	{"a value in the rules", func(w *world, _ *call) { w.describe(noon.Add(10*time.Second), "the key is "+value) }, Kept, "in the rules in force"},
	{"other rules than were put in force", func(w *world, _ *call) {
		w.append(record.Entry{Time: noon, Reload: &record.Reload{Rules: w.kept(), Inventory: record.Hash{1}}})
	}, Changed, "not those that were put in force"},
}

// scoped tells of the lease anew, which people approved for an operation.
func (w *world) scoped(scope, operation string) {
	w.append(record.Entry{Time: noon.Add(40 * time.Second), Lease: &record.Lease{ID: "lease1", Issuer: issuer, Subject: "agent", Credential: "git",
		State: "active", Ends: noon.Add(15 * time.Minute), Scope: scope, Operation: operation}})
}

func (w *world) approve(by, person string) {
	w.append(record.Entry{Time: noon.Add(30 * time.Second), Approval: &record.Approval{Lease: "lease1", Issuer: issuer, Subject: "agent",
		Credential: "git", Approve: true, By: by, Person: person}})
}
