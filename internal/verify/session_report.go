package verify

import (
	"fmt"
	"strings"
)

// SessionReport is what a verification of sessions found, and what it rests on.
type SessionReport struct {
	Exchanges     int `json:"exchanges"`
	Refused       int `json:"refused"`       // of them, by the decision
	Unfinished    int `json:"unfinished"`    // they have no end, or one that was written for them after a crash
	Substitutions int `json:"substitutions"` // values that were put in
	Uncertain     int `json:"uncertain"`     // values that may have been put in where there is no end
	Unjudged      int `json:"unjudged"`      // of both, whose rules of the time are not kept, or whose path is not known to its end

	Recorded int `json:"recorded"`         // exchanges of which a recording was read
	Partly   int `json:"partly"`           // of them, where not all bytes are kept
	Expired  int `json:"expired"`          // their recording's time is over
	Erased   int `json:"erased"`           // their recording was erased, and an act says so
	ToErase  int `json:"to_erase"`         // an act says so, and something of it is still there
	Off      int `json:"off"`              // nothing was recorded of them
	Lost     int `json:"lost"`             // a part could not be written
	Sealed   int `json:"sealed,omitempty"` // under a recording key that is not here

	Values   int      `json:"values"`         // that were searched for; whoever verifies says so
	Searched int64    `json:"searched"`       // bytes that reached an agent and were searched
	Sent     int64    `json:"sent"`           // bytes that agents sent and were searched
	Trusted  int64    `json:"trusted"`        // bytes that reached an agent and rest on the masker's word
	Sets     []string `json:"sets,omitempty"` // the pattern sets that these were masked with

	Found    int              `json:"found"` // findings
	Findings []SessionFinding `json:"findings,omitempty"`
}

// findingsMax is how many findings a report lists. All are counted.
const findingsMax = 1000

// What is the kind of a finding.
type What string

// The kinds of findings about sessions.
const (
	Leak           What = "leak"              // a value reached the agent
	Kept           What = "kept value"        // a value stands in what the agent sent, or in the log
	BrokenLog      What = "broken log"        // the chain of entries does not hold
	NoDecision     What = "no decision"       // an end without its decision
	Twice          What = "twice"             // a second decision or end
	Unrecorded     What = "no recording"      // the end names a recording that is not there
	Changed        What = "changed recording" // it is not what the log says
	Sealed         What = "unread recording"  // it is what the log says, and the key that it is under is not here
	NoUse          What = "not granted"       // a value was put in that the decision does not name
	NoLease        What = "no lease"          // no entry says that its lease was active
	OtherLease     What = "another's lease"   // the lease is another principal's, or over another credential
	Ended          What = "ended lease"       // the lease had ended
	OtherOperation What = "another operation" // people approved the lease for another one
	Unapproved     What = "not approved"      // its tier needs people, and too few approved
	NotPermitted   What = "not permitted"     // the rules of the time do not permit it
	Fingerprints   What = "fingerprints"      // past values that the log tells of are not searched for
)

// SessionFinding is one thing that is wrong, and where. It never holds a value nor
// the text around it.
type SessionFinding struct {
	What       What   `json:"what"`
	Log        string `json:"log,omitempty"` // its id
	Entry      uint64 `json:"entry,omitempty"`
	Exchange   string `json:"exchange,omitempty"`
	Part       int    `json:"part,omitempty"`  // of the recording, from 1
	Where      string `json:"where,omitempty"` // in the exchange: "response body", …
	Start      int    `json:"start,omitempty"` // in it, the first byte and the one behind the last
	End        int    `json:"end,omitempty"`
	Credential string `json:"credential,omitempty"`
	Form       string `json:"form,omitempty"`
	Lease      string `json:"lease,omitempty"`
	Detail     string `json:"detail,omitempty"`
}

// String is the finding in one line.
func (f SessionFinding) String() string {
	var b strings.Builder
	b.WriteString(string(f.What))
	say := func(present bool, format string, args ...any) {
		if present {
			fmt.Fprintf(&b, format, args...)
		}
	}
	say(f.Credential != "", " of credential %q", f.Credential)
	say(f.Form != "", " as %s", f.Form)
	say(f.Where != "", " in the %s", f.Where)
	say(f.End > 0, ", bytes %d to %d", f.Start, f.End)
	say(f.Lease != "", ", lease %s", f.Lease)
	say(f.Exchange != "", ", exchange %s", f.Exchange)
	say(f.Log != "", ", log %s", f.Log)
	say(f.Entry > 0, " entry %d", f.Entry)
	say(f.Detail != "", ": %s", f.Detail)
	return b.String()
}

// finding is one about p.
func (p place) finding(w What, detail string) SessionFinding {
	f := SessionFinding{What: w, Log: p.log, Entry: p.line.Seq, Detail: detail}
	switch e := p.entry; {
	case e.Decision != nil:
		f.Exchange = e.Decision.Exchange
	case e.End != nil:
		f.Exchange = e.End.Exchange
	}
	return f
}

// Add takes what is wrong with the logs among the findings.
func (r *SessionReport) Add(logs LogReport) {
	r.Found += logs.Found
	for _, f := range logs.Findings {
		if len(r.Findings) < findingsMax {
			where := Finding{File: f.File, Byte: f.Byte, What: f.What} // the rest is said already
			r.Findings = append(r.Findings, SessionFinding{What: BrokenLog, Log: f.Log, Entry: f.Entry, Detail: where.String()})
		}
	}
}
