package verify

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/inventory"
	"cloakroom/internal/record"
	"cloakroom/internal/recording"
	"cloakroom/internal/search"
)

// TestACleanSession accuses nobody.
func TestACleanSession(t *testing.T) {
	w := newWorld(t)
	w.lease(noon, "active", "")
	w.happen(noon.Add(time.Minute), usual("e1"))
	refused := usual("e2")
	refused.decision.Outcome, refused.decision.Uses, refused.end.Substitutions = access.Deny, nil, nil
	w.happen(noon.Add(2*time.Minute), refused)
	off := usual("e3")
	off.end.Kept, off.end.ResponseBytes = "", 100
	w.happen(noon.Add(3*time.Minute), off)
	cut := usual("e4")
	cut.tape.Got.Bytes += 1000
	w.happen(noon.Add(4*time.Minute), cut)
	w.append(record.Entry{Time: noon.Add(5 * time.Minute), Decision: &usual("e5").decision})
	w.lease(noon.Add(6*time.Minute), "ended", "revoked")

	got := w.verify(nil)
	searched := got.Searched
	want := SessionReport{Exchanges: 5, Refused: 1, Unfinished: 1, Substitutions: 3, Uncertain: 1, Recorded: 3, Partly: 1, Off: 1,
		Searched: searched, Sent: got.Sent, Trusted: 1100, Sets: []string{"set1"}}
	if !reflect.DeepEqual(got, want) || searched < 3*64 || got.Sent == 0 {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

// TestWhatIsWrongIsFound harms an exchange in one way, and looks for what is said
// of it.
func TestWhatIsWrongIsFound(t *testing.T) {
	for _, tt := range harms {
		t.Run(tt.name, func(t *testing.T) {
			r := tt.world(t).verify(nil)
			if r.Found == 0 || r.Found != len(r.Findings) {
				t.Fatalf("%d findings: %v", r.Found, r.Findings)
			}
			for _, f := range r.Findings {
				if f.What != tt.what {
					t.Errorf("found %s", f)
				}
			}
			if f := r.Findings[0].String(); !strings.Contains(f, tt.says) {
				t.Errorf("found %s, want %q in it", f, tt.says)
			}
		})
	}
}

// TestApproved is the other side of the rows above.
func TestApproved(t *testing.T) {
	w := newWorld(t)
	w.inForce(noon.Add(20*time.Second), inventory.Tier{Name: "high", Lease: time.Minute, Approval: &inventory.Approval{Count: 2}})
	w.lease(noon.Add(25*time.Second), "pending", "")
	w.approve(issuer+"#p1", "p1")
	w.approve(issuer+"#p2", "p2")
	w.lease(noon.Add(35*time.Second), "active", "")
	w.happen(noon.Add(time.Minute), usual("e1"))
	if r := w.verify(nil); r.Found > 0 {
		t.Errorf("found %v", r.Findings)
	}
}

// TestApprovedForAnOperation is the other side of the rows about operations.
func TestApprovedForAnOperation(t *testing.T) {
	for _, tt := range []struct{ scope, operation, path string }{
		{"operation", "GET api.example.com/a/b?c=d", "/a/b?c=d"},
		{"path", "GET api.example.com/a/b?c=e", "/a/b?c=d"},
		{"operation", "GET api.example.com/a/ckr_git_<ticket>", "/a/ckr_git_[ticket]"},
		{"operation", "GET api.example.com/a/b?f[x]=1", "/a/b?f[x]=1"},
		{"operation", "GET api.example.com/a/b?x=[masked]&y=1", "/a/b?x=2&y=1"},
		{"operation", "GET api.example.com/a/b?x=1&key=ghp_ckr_git_<ticket>", "/a/b?x=1&key=ghp_[token]"},
		{"credential", "POST api.example.com/z", "/a/b"},
		{"", "", "/a/b"},
	} {
		w := newWorld(t)
		w.scoped(tt.scope, tt.operation)
		c := usual("e1")
		c.decision.Path = tt.path
		w.happen(noon.Add(time.Minute), c)
		if r := w.verify(nil); r.Found > 0 {
			t.Errorf("%+v: found %v", tt, r.Findings)
		}
	}
}

// TestWhatIsOverOrUnknown is counted, and nobody accused.
func TestWhatIsOverOrUnknown(t *testing.T) {
	w := newWorld(t)
	w.lease(noon, "active", "")
	expired := usual("e1")
	expired.end.Until = noon.Add(2 * time.Minute)
	w.gone["e1"] = recording.ErrGone
	w.happen(noon.Add(time.Minute), expired)
	long := usual("e2")
	long.decision.Path = "/a/" + strings.Repeat("x", 5000)
	w.happen(noon.Add(time.Minute), long)
	deep := usual("e5")
	deep.decision.Uses[0].Location = "body:/" + strings.Repeat("x", 500)
	deep.end.Substitutions[0].Location = deep.decision.Uses[0].Location
	w.happen(noon.Add(time.Minute), deep)
	w.append(record.Entry{Time: noon.Add(time.Minute), End: &record.End{Exchange: "k1", Error: recording.Unwanted, Recording: deep.end.Recording}})
	lost := usual("e3")
	lost.end.Lost, lost.tape.Complete = true, false
	w.happen(noon.Add(time.Minute), lost)
	marked := usual("e4").gets(`{"ticket":"ckr_git_[ticket lease1]"}`)
	marked.tape.Got.SHA256[0]++ // it was made before the ticket was marked
	w.happen(noon.Add(time.Minute), marked)
	r := w.verify(nil)
	if r.Found > 0 || r.Expired != 1 || r.Unjudged != 2 || r.Lost != 1 || r.Recorded != 4 {
		t.Errorf("got %+v", r)
	}
}

// TestWhatAnEndHasNoRoomFor is counted, and cannot be judged.
func TestWhatAnEndHasNoRoomFor(t *testing.T) {
	w := newWorld(t)
	w.lease(noon, "active", "")
	c := usual("e1")
	c.end.Substitutions = slices.Repeat(c.end.Substitutions, 70)
	w.happen(noon.Add(time.Minute), c)
	e := w.evidence()
	if r := e.Report; r.Substitutions != 70 || r.Unjudged != 6 || r.Found > 0 {
		t.Errorf("got %+v", r)
	}
	if j := w.checked(e).Judged; j.Values != 70 || j.NoRules != 6 {
		t.Errorf("got %+v", j)
	}
}

// TestWhatADecisionHasNoRoomFor may have been put in, and cannot be judged.
func TestWhatADecisionHasNoRoomFor(t *testing.T) {
	w := newWorld(t)
	w.lease(noon, "active", "")
	c := usual("e1")
	c.decision.Uses = slices.Repeat(c.decision.Uses, 40)
	w.append(record.Entry{Time: noon.Add(time.Minute), Decision: &c.decision})
	if r := w.verify(nil); r.Uncertain != 40 || r.Unjudged != 8 || r.Found > 0 {
		t.Errorf("got %+v", r)
	}
}

// TestTakenBack refuses what was allowed, since nobody knew whether that was written:
// it is one refused exchange, and nothing may be put in under it.
func TestTakenBack(t *testing.T) {
	for _, n := range []int{0, 1} {
		w := newWorld(t)
		w.lease(noon, "active", "")
		c := usual("e1")
		w.append(record.Entry{Time: noon.Add(time.Minute), Decision: &c.decision})
		refusal := usual("e1")
		refusal.decision.Outcome, refusal.decision.Uses = access.Deny, nil
		refusal.end.Substitutions = refusal.end.Substitutions[:n]
		w.happen(noon.Add(time.Minute), refusal)
		if r := w.verify(nil); r.Exchanges != 1 || r.Refused != 1 || r.Found != n {
			t.Errorf("%d put in: %+v", n, r)
		}
	}
}

// TestOneSession verifies no more than what is asked for.
func TestOneSession(t *testing.T) {
	w := newWorld(t)
	w.lease(noon, "active", "")
	other := usual("e1").gets(value)
	other.decision.Session = "s2"
	w.happen(noon.Add(time.Minute), other)
	w.happen(noon.Add(time.Minute), usual("e2"))
	r := w.verify(func(d *record.Decision, _ time.Time) bool { return d.Session == "s1" })
	if r.Exchanges != 1 || r.Found != 0 {
		t.Errorf("got %+v", r)
	}
}

// TestHalvesInTwoLogs joins a decision of one replica with the end that another
// wrote, under a lease that a third opened, in whatever order the logs are read.
func TestHalvesInTwoLogs(t *testing.T) {
	deciding, serving, leasing := newWorld(t), newWorld(t), newWorld(t)
	leasing.lease(noon, "active", "")
	c := usual("e1").gets(value)
	deciding.append(record.Entry{Time: noon.Add(time.Minute), Decision: &c.decision})
	c.end.Recording = []record.Part{{Pack: "p", At: 10, Size: 20, SHA256: record.Hash{1}}}
	serving.tapes["e1"] = c.tape
	serving.append(record.Entry{Time: noon.Add(2 * time.Minute), End: &c.end})
	s, err := key.Compile([]search.Fingerprint{key.Fingerprint("git", []byte(value))})
	if err != nil {
		t.Fatal(err)
	}
	verified := func(worlds ...*world) SessionReport {
		v := Sessions{Search: s, Now: noon.Add(time.Hour)}
		for _, w := range worlds {
			v.Replicas = append(v.Replicas, Replica{Dir: w.dir, Packs: w})
		}
		r, err := v.Verify(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	for _, order := range [][]*world{{deciding, serving, leasing}, {serving, leasing, deciding}} {
		if r := verified(order...); r.Exchanges != 1 || r.Recorded != 1 || r.Found != 1 || r.Findings[0].What != Leak {
			t.Errorf("got %+v", r)
		}
	}
	if r := verified(deciding, leasing); r.Unfinished != 1 || r.Found != 0 {
		t.Errorf("without the log that has the end: %+v", r)
	}
	if r := verified(serving, leasing); r.Found != 1 || r.Findings[0].What != NoDecision {
		t.Errorf("without the log that has the decision: %+v", r)
	}
	if r := verified(serving, deciding); r.Found != 2 || r.Findings[0].What != NoLease && r.Findings[1].What != NoLease {
		t.Errorf("without the log that has the lease: %+v", r)
	}
}

// TestWhatIsNotShownIsNotSearched counts what the recording does not show among what
// rests on the masker's word.
func TestWhatIsNotShownIsNotSearched(t *testing.T) {
	for name, tt := range map[string]struct {
		harm func(c *call)
		want int64
	}{
		"all is there": {func(*call) {}, 0},
		"the tape has lost its end": {func(c *call) {
			c.end.Lost, c.end.ResponseBytes = true, 1000
			c.tape.Complete, c.tape.Got, c.tape.Events[2].Data = false, recording.Sum{}, []byte("ten bytes.")
		}, 990},
		"a token was marked": {func(c *call) {
			c.gets(`{"t":"` + strings.Repeat("x", 300) + `"}`)
			c.tape.Events[2].Data = []byte(`{"t":"[token 0123456789abcdef]"}`)
		}, 300},
		"a ticket was marked": {func(c *call) {
			c.gets("ckr_git_0123456789abcdefghjkmnpqrs")
			c.tape.Events[2].Data = []byte("ckr_git_[ticket 01kb4v9gz5t0m7x2c8r3n6p1qd]")
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.lease(noon, "active", "")
			c := usual("e1")
			tt.harm(c)
			w.happen(noon.Add(time.Minute), c)
			if r := w.verify(nil); r.Trusted != tt.want || r.Found != 0 {
				t.Errorf("%d bytes rest on the masker's word, want %d: %v", r.Trusted, tt.want, r.Findings)
			}
		})
	}
}

// TestFingerprintsThatCannotBeRead are a finding: what they are of is not searched for.
func TestFingerprintsThatCannotBeRead(t *testing.T) {
	w := newWorld(t)
	s, err := key.Compile(nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Sessions{Replicas: []Replica{{Dir: w.dir, Packs: w, Torn: search.ErrChanged}}, Search: s, Now: noon}.Verify(t.Context())
	if err != nil || r.Found != 1 || r.Findings[0].What != Fingerprints {
		t.Errorf("got %+v, %v", r, err)
	}
}

// TestEveryLineIsSearched finds a value in what somebody who asked for a lease wrote,
// where all is verified.
func TestEveryLineIsSearched(t *testing.T) {
	w := newWorld(t)
	w.append(record.Entry{Time: noon, Lease: &record.Lease{ID: "lease1", Issuer: issuer, Subject: "agent", Credential: "git",
		State: "active", Ends: noon.Add(15 * time.Minute), Reason: "my key is " + value}})
	w.happen(noon.Add(time.Minute), usual("e1"))
	if r := w.verify(nil); r.Found != 1 || r.Findings[0].What != Kept || r.Findings[0].Entry != 2 {
		t.Errorf("got %+v", r)
	}
}

// during is a world in which something happens while its rules are read.
type during struct {
	*world
	happens func()
}

func (d during) Blob(ctx context.Context, parts []record.Part) ([]byte, error) {
	d.happens()
	return d.world.Blob(ctx, parts)
}

// TestBusyFleet goes on while it is verified: the log that was read first does not have
// what the next one rests on. Nobody is accused of it.
func TestBusyFleet(t *testing.T) {
	first, second := newWorld(t), newWorld(t)
	first.lease(noon, "active", "")
	first.happen(noon.Add(time.Minute), usual("e1"))
	high := inventory.Tier{Name: "high", Lease: time.Minute, Approval: &inventory.Approval{Count: 1}}
	second.inForce(noon.Add(2*time.Minute), high)
	happened := false
	goesOn := during{second, func() {
		if happened {
			return
		}
		happened = true
		begun, whole := usual("e2"), usual("e3")
		first.append(record.Entry{Time: noon.Add(3 * time.Minute), Decision: &begun.decision})
		second.append(record.Entry{Time: noon.Add(3 * time.Minute), End: &begun.end})
		first.approve(issuer+"#p1", "p1")
		second.lease(noon.Add(3*time.Minute), "active", "")
		second.happen(noon.Add(4*time.Minute), whole)
	}}
	s, err := key.Compile([]search.Fingerprint{key.Fingerprint("git", []byte(value))})
	if err != nil {
		t.Fatal(err)
	}
	r, err := Sessions{Replicas: []Replica{{Dir: first.dir, Packs: first}, {Dir: second.dir, Packs: goesOn}}, Search: s, Now: noon.Add(time.Hour)}.Verify(t.Context())
	if err != nil || !happened || r.Exchanges != 1 || r.Found != 0 {
		t.Errorf("%v, %t, got %+v", err, happened, r)
	}
}
