package record

import (
	"cmp"
	"slices"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/lease"
)

// Kind says what an entry is about.
type Kind string

// The kinds of an entry.
const (
	KindDecision Kind = "decision"
	KindEnd      Kind = "end"
	KindRefusals Kind = "refusals"
	KindReload   Kind = "reload"
	KindLease    Kind = "lease"
	KindApproval Kind = "approval"
	KindBar      Kind = "bar"
	KindAct      Kind = "act"
	KindHeads    Kind = "heads"
)

// Entry is one entry of the log. Exactly one of the pointers is set, and says
// the kind. Every string is masked when the entry is encoded, and cut when it
// is too long (4096 bytes for a path, 8192 for what an approver was shown, 512
// elsewhere, 128 in a list).
type Entry struct {
	Seq  uint64    // set by the log
	Prev Hash      // set by the log
	Time time.Time // microseconds; zero: the time of Append

	Decision *Decision
	End      *End
	Refusals *Refusals
	Reload   *Reload
	Lease    *Lease
	Approval *Approval
	Bar      *Bar
	Act      *Act
	Heads    *Heads
}

// Kind is the entry's kind, empty if it has none.
func (e *Entry) Kind() Kind {
	switch {
	case e.Decision != nil:
		return KindDecision
	case e.End != nil:
		return KindEnd
	case e.Refusals != nil:
		return KindRefusals
	case e.Reload != nil:
		return KindReload
	case e.Lease != nil:
		return KindLease
	case e.Approval != nil:
		return KindApproval
	case e.Bar != nil:
		return KindBar
	case e.Act != nil:
		return KindAct
	case e.Heads != nil:
		return KindHeads
	}
	return ""
}

// Decision is policy's answer to one request, recorded before anything comes
// of it.
type Decision struct {
	Exchange  string         `json:"exchange"` // the exchange's id, see NewID
	Issuer    string         `json:"issuer"`   // of the principal; empty: nobody
	Subject   string         `json:"subject"`
	Groups    []string       `json:"groups"` // of the principal; at most 64
	Ticket    bool           `json:"ticket"` // a ticket vouched for the principal
	Tokens    []string       `json:"tokens"` // headers that held an identity token, and were taken out
	Session   string         `json:"session"`
	Source    string         `json:"source"` // address:port of the caller
	Method    string         `json:"method"`
	Host      string         `json:"host"`      // the upstream's declared host
	Authority string         `json:"authority"` // as the client sent it
	Path      string         `json:"path"`      // with its query, as the backend sees it; as sent where no upstream serves it
	Route     string         `json:"route"`
	Outcome   access.Outcome `json:"-"`
	Code      access.Code    `json:"code"`  // of the refusal
	Cause     access.Cause   `json:"cause"` // of the refusal
	Reason    string         `json:"reason"`
	Revision  string         `json:"revision"` // of the policy
	Uses      []Use          `json:"uses"`     // at most 32, the rest is counted
	Seen      []Seen         `json:"seen"`     // inert placeholders; at most 64, the rest is counted
	// UsesCut and SeenCut are how many were left out for length, set by the log.
	UsesCut int `json:"uses_cut"`
	SeenCut int `json:"seen_cut"`
}

// GroupsCut tells whether the log may lack groups of the principal, or the end of one.
func (d *Decision) GroupsCut() bool {
	return len(d.Groups) >= listMax || slices.ContainsFunc(d.Groups, func(name string) bool { return shortened(name, itemMax) })
}

// PathCut tells whether the log may lack the path's end.
func (d *Decision) PathCut() bool { return shortened(d.Path, pathMax) }

// Placeholder is a placeholder's text as it stood in the request. Only with
// Named, which says that it is exactly the named placeholder of an existing
// credential, is it recorded as it is, here and in the other strings of the
// entry; else its suffix is cut: "ckr_<name>_[ticket]".
type Placeholder struct {
	Text  string
	Named bool
}

// Use is one credential that the exchange may use, at one location.
type Use struct {
	Credential  string      `json:"credential"`
	Placeholder Placeholder `json:"placeholder"`
	Location    string      `json:"location"` // as access.Location prints it
	Lease       string      `json:"lease"`    // the lease's id
	LeaseEnds   time.Time   `json:"lease_ends"`
	Needs       int         `json:"needs"` // people that tier or policy asked for
}

// Seen is a placeholder that stood where it does not count.
type Seen struct {
	Placeholder Placeholder `json:"placeholder"`
	Location    string      `json:"location"` // as access.Location prints it
}

// End is how an exchange ended.
type End struct {
	Exchange      string         `json:"exchange"`
	Status        int            `json:"status"`         // HTTP, 0: none was sent
	RequestBytes  int64          `json:"request_bytes"`  // of the body, as declared; 0: not declared
	ResponseBytes int64          `json:"response_bytes"` // of the body, as the agent got it
	Substitutions []Substitution `json:"substitutions"`  // at most 64, the rest is counted
	Masks         []Count        `json:"masks"`          // by credential; see Counts
	Phases        []Phase        `json:"phases"`
	Values        []string       `json:"values"` // credentials whose real value the caller sent itself
	Code          access.Code    `json:"code"`   // of a refusal after the decision
	Error         string         `json:"error"`
	Set           string         `json:"set"`       // ids of the pattern sets that it was masked with, in order, with "," between
	Kept          string         `json:"kept"`      // of the bodies: "full" up to a limit, "hash", "none"; empty: nothing is recorded
	Recording     []Part         `json:"recording"` // what is recorded of it, in order; see package recording
	Tape          Hash           `json:"tape"`      // SHA-256 of all of these unsealed, one behind another; zero: not told
	Until         time.Time      `json:"until"`     // when the recording may be deleted
	Lost          bool           `json:"lost"`      // a part of the recording could not be written
	// SubstitutionsCut is how many values were put in that were left out for length, set by
	// the log.
	SubstitutionsCut int `json:"substitutions_cut"`
}

// Part says where a part of a recording stands, and what it is. The log proves
// a part that it does not hold.
type Part struct {
	Pack   string `json:"pack"`   // the pack's id, in the form of NewID
	At     int64  `json:"at"`     // offset in the pack
	Size   int64  `json:"size"`   // in bytes
	SHA256 Hash   `json:"sha256"` // of these bytes
}

// Substitution counts what was substituted of one credential at one location.
type Substitution struct {
	Credential string `json:"credential"`
	Location   string `json:"location"` // as access.Location prints it
	N          int    `json:"n"`
}

// Count is a number by name.
type Count struct {
	Name string `json:"name"`
	N    int    `json:"n"`
}

// Counts makes a list of a map, sorted by name.
func Counts(m map[string]int) []Count {
	cs := make([]Count, 0, len(m))
	for name, n := range m {
		cs = append(cs, Count{name, n})
	}
	slices.SortFunc(cs, func(a, b Count) int { return cmp.Compare(a.Name, b.Name) })
	return cs
}

// Phase is how long one part of the work took, kept to the microsecond.
type Phase struct {
	Name string
	Took time.Duration
}

// Refusals counts, since a time, the refusals of callers who have no identity.
type Refusals struct {
	Since  time.Time      `json:"since"`
	Counts []RefusalCount `json:"counts"` // sorted
}

// RefusalCount is how often a code was given to callers from one source. The
// empty source stands for all that found no room of their own.
type RefusalCount struct {
	Code   access.Code `json:"code"`
	Source string      `json:"source"`
	N      int         `json:"n"`
}

// Reload tells that the configuration was read anew.
type Reload struct {
	Revision    string `json:"revision"`    // of the policy now in force
	Credentials int    `json:"credentials"` // how many the inventory has now
	Error       string `json:"error"`       // why the old rules stay in force; empty: they do not
	Start       bool   `json:"start"`       // the service began with it
	Set         string `json:"set"`         // id of the pattern set now in force
	Rules       []Part `json:"rules"`       // the inventory now in force, see inventory.Decode
	Prints      int    `json:"prints"`      // values that are fingerprinted so far
	Book        Hash   `json:"book"`        // SHA-256 of the lines with their fingerprints, see search.Head
	Inventory   Hash   `json:"inventory"`   // SHA-256 of the inventory now in force, see inventory.Set.Encode; zero: not told
}

// Act is what a person or the service did to the records, or to the instance.
type Act struct {
	Name      string `json:"name"`      // "start", "stop", "read", "prune", "erase", "backup", "restore", "export", …
	By        string `json:"by"`        // a principal's id, or "cli:USER@HOST"; empty: the service
	Principal string `json:"principal"` // whose session it was about
	Session   string `json:"session"`
	Exchange  string `json:"exchange"`
	Target    string `json:"target"` // a pack, a file, a lease, …
	N         int    `json:"n"`      // how many
	Detail    string `json:"detail"`
	ID        string `json:"id"` // of one that a command left in the store, see NewID; else empty
	// Sig is the instance's signature of one that erases, see recording.ErasureText: who
	// can only write the log has nothing erased by it.
	Sig []byte `json:"sig"`
}

// Heads tells how far the logs of other replicas were, so that none can be
// dropped whole without this one to tell.
type Heads struct {
	Heads []Head `json:"heads"` // by log; at most 64
}

// Head is the head of a log's tree.
type Head struct {
	Log  string `json:"log"`  // its id
	Size int64  `json:"size"` // entries
	Root Hash   `json:"root"` // RFC 6962
}

// Lease is a change of a lease's state.
type Lease struct {
	ID         string    `json:"id"`
	Issuer     string    `json:"issuer"`
	Subject    string    `json:"subject"`
	Person     string    `json:"person"` // on whose behalf
	Credential string    `json:"credential"`
	Session    string    `json:"session"`
	Reason     string    `json:"reason"`
	Operation  string    `json:"operation"` // method, host and path that were asked for; empty: none was named
	Body       string    `json:"body"`      // the hash of its body
	Scope      string    `json:"scope"`     // what it is good for
	State      string    `json:"state"`     // "pending", "active", "ended"
	Ending     string    `json:"ending"`    // "expired", "revoked", "denied"
	Needs      int       `json:"needs"`     // distinct people who must approve it
	Ticket     bool      `json:"ticket"`    // the lease has a ticket
	By         string    `json:"by"`        // the principal whose act it was, where it was one
	Ends       time.Time `json:"ends"`
}

// OfLease tells how a lease stands, by whose act; empty: nobody's.
func OfLease(l lease.Lease, by string) *Lease {
	out := &Lease{ID: l.ID, Issuer: l.Issuer, Subject: l.Subject, Person: l.Person, Credential: l.Credential,
		Session: l.Session, Reason: l.Reason, Body: l.Operation.Body.String(), Scope: l.Scope.String(),
		State: l.State.String(), Ending: l.Ending.String(), Needs: l.Terms.Needs, Ticket: !l.Ticketless(), By: by, Ends: l.Ends}
	if o := l.Operation; o.Named() {
		out.Operation = o.Method + " " + o.Host + o.Path
	}
	return out
}

// Approval is one person's answer to a question, recorded before it counts.
type Approval struct {
	Lease      string    `json:"lease"`  // the lease's id
	Issuer     string    `json:"issuer"` // of the principal who asked
	Subject    string    `json:"subject"`
	Credential string    `json:"credential"`
	Session    string    `json:"session"`
	Approve    bool      `json:"approve"`
	Scope      string    `json:"scope"`  // that was chosen
	Reason     string    `json:"reason"` // of a denial
	By         string    `json:"by"`     // the principal who answered
	Person     string    `json:"person"`
	Name       string    `json:"name"`
	Via        string    `json:"via"`       // "page", "cli", "api" or "slack"
	LoggedIn   time.Time `json:"logged_in"` // zero: no login was made for it
	Seen       string    `json:"seen"`      // hash of what was shown
	Shown      string    `json:"shown"`     // what was shown, as JSON; ShownMax at most
}

// Bar is a bar that was put up or lifted.
type Bar struct {
	ID         string    `json:"id"`
	Principal  string    `json:"principal"`  // empty: everyone
	Credential string    `json:"credential"` // empty: every one
	Until      time.Time `json:"until"`      // zero: until it is lifted
	Reason     string    `json:"reason"`
	By         string    `json:"by"`
	Lifted     bool      `json:"lifted"`
}
