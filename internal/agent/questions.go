package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/decide"
)

// The questions' fields are what HTTP reads from a body and what MCP's tools
// take, where the tag jsonschema describes them to a model.

// leaseQuestion asks for a ticket.
type leaseQuestion struct {
	Credential string     `json:"credential" jsonschema:"a name that list_credentials gave"`
	Reason     string     `json:"reason" jsonschema:"why you need it, in one sentence; it is recorded, and shown to the person who approves"`
	Operation  *operation `json:"operation,omitempty" jsonschema:"the one request that you want to make; it is easier to approve than everything that the credential can do"`
	Wait       int        `json:"wait,omitempty" jsonschema:"seconds to be held until a person answers, at most 50"`
}

// statusQuestion asks how a lease stands.
type statusQuestion struct {
	Lease string `json:"lease" jsonschema:"the id of one of your leases"`
	Wait  int    `json:"wait,omitempty" jsonschema:"seconds to be held while it is pending, at most 50"`
}

// extendQuestion asks that an active lease ends later.
type extendQuestion struct {
	Lease   string `json:"lease" jsonschema:"the id of one of your leases"`
	Seconds int    `json:"seconds" jsonschema:"how much later it is to end; extend_seconds of its status is the most"`
}

// endQuestion hands a lease back.
type endQuestion struct {
	Lease string `json:"lease" jsonschema:"the id of one of your leases"`
}

// discovery is all that an agent needs to begin.
type discovery struct {
	Principal    string         `json:"principal"`
	Instructions string         `json:"instructions"`
	Credentials  []decide.Offer `json:"credentials"`
}

// given is a lease with its ticket, which is shown here and never again.
type given struct {
	Ticket string `json:"ticket"`
	decide.LeaseStatus
}

// questions are what can be asked, of HTTP and of MCP alike. Each bounds its own
// time.
type questions struct{ decider Decider }

func (q questions) discover(ctx context.Context, c caller) discovery {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	return discovery{c.who.ID(), Instructions, q.decider.Discover(ctx, c.who)}
}

func (q questions) lease(ctx context.Context, c caller, l leaseQuestion) (given, *access.Refusal) {
	wait, refused := held(l.Wait)
	if refused != nil {
		return given{}, refused
	}
	operation, err := l.Operation.named()
	if err != nil {
		return given{}, refusal(access.Denied, err.Error())
	}
	ctx, cancel := context.WithTimeout(ctx, wait+answerTime)
	defer cancel()
	t, refused := q.decider.RequestLease(ctx, decide.LeaseRequest{Principal: c.who, Credential: l.Credential,
		Reason: l.Reason, Session: c.session, Operation: operation, Wait: wait})
	return given{t.Text, t.Status}, refused
}

func (q questions) status(ctx context.Context, c caller, s statusQuestion) (decide.LeaseStatus, *access.Refusal) {
	wait, refused := held(s.Wait)
	if refused == nil {
		refused = named(s.Lease)
	}
	if refused != nil {
		return decide.LeaseStatus{}, refused
	}
	ctx, cancel := context.WithTimeout(ctx, wait+answerTime)
	defer cancel()
	return q.decider.LeaseStatus(ctx, c.who, s.Lease, wait)
}

func (q questions) extend(ctx context.Context, c caller, x extendQuestion) (decide.LeaseStatus, *access.Refusal) {
	const day = 24 * 60 * 60
	if x.Seconds < 1 || x.Seconds > day {
		return decide.LeaseStatus{}, refusal(access.Denied, "seconds: want 1 to 86400")
	}
	if refused := named(x.Lease); refused != nil {
		return decide.LeaseStatus{}, refused
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	return q.decider.ExtendLease(ctx, c.who, x.Lease, time.Duration(x.Seconds)*time.Second)
}

func (q questions) end(ctx context.Context, c caller, e endQuestion) (decide.LeaseStatus, *access.Refusal) {
	if refused := named(e.Lease); refused != nil {
		return decide.LeaseStatus{}, refused
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	return q.decider.EndLease(ctx, c.who, e.Lease)
}

// held is a wait in seconds as a time, MaxWait at most.
func held(seconds int) (time.Duration, *access.Refusal) {
	if seconds < 0 {
		return 0, refusal(access.Denied, "wait: want seconds, 0 or more")
	}
	return time.Duration(min(seconds, int(MaxWait/time.Second))) * time.Second, nil
}

// named refuses what cannot be a lease's id.
func named(lease string) *access.Refusal {
	bad := lease == "" || len(lease) > 64
	for _, r := range lease {
		bad = bad || !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '_')
	}
	if bad {
		return refusal(access.Denied, `lease: want an id, the "lease" of the answer that gave the ticket`)
	}
	return nil
}

// decode reads one JSON document with the fields of q, and nothing besides it.
func decode(body []byte, q any) bool {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	// More is no help: it takes a stray bracket for the end.
	return d.Decode(q) == nil && errors.Is(d.Decode(new(json.RawMessage)), io.EOF)
}

func refusal(code access.Code, message string) *access.Refusal {
	return &access.Refusal{Code: code, Message: message}
}
