package console

import (
	"context"
	"errors"
	"slices"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/record"
	"cloakroom/internal/recording"
)

// index is a record of one session: an exchange that was recorded, one that was
// denied, and one that goes on.
type index struct{}

func (index) Sessions(_ context.Context, f record.SessionFilter) ([]record.Session, error) {
	at := time.Now().Add(-time.Hour)
	if f.Credential != "" && f.Credential != payments.Name || f.Host != "" && f.Host != "api.pay.test" || f.Since.After(at) {
		return nil, nil
	}
	return []record.Session{{ID: "s1", Principal: agents + "#refund-bot", First: at, Last: at, Exchanges: 3, Refused: 1}}, nil
}

func (i index) Refusals(ctx context.Context, _ time.Time, _ int) ([]record.Exchange, error) {
	all, err := i.Exchanges(ctx, "", "s1", 0)
	return all[1:2], err
}

func (i index) Exchange(ctx context.Context, id string) (record.Exchange, error) {
	all, err := i.Exchanges(ctx, "", "s1", 0)
	at := slices.IndexFunc(all, func(x record.Exchange) bool { return x.Decision.Decision.Exchange == id })
	if at < 0 {
		return record.Exchange{}, record.ErrUnknown
	}
	return all[at], err
}

func (index) Exchanges(_ context.Context, principal, session string, _ int) ([]record.Exchange, error) {
	if session == "broken" {
		return nil, errors.New("the disk at /secret/path")
	}
	if session != "s1" {
		return nil, nil
	}
	at := time.Now().Add(-time.Hour)
	d := record.Decision{Exchange: "x1", Issuer: agents, Subject: "refund-bot", Session: "s1", Method: "POST", Host: "api.pay.test", Path: "/v1/refunds",
		Outcome: access.Allow, Uses: []record.Use{{Credential: "payments-write", Location: "header:authorization", Lease: "l1", LeaseEnds: at.Add(time.Minute)}}}
	no := d
	no.Exchange, no.Outcome, no.Code, no.Reason, no.Path, no.Uses = "x2", access.Deny, access.Denied, "the path is not permitted", "/v1/charges", nil
	on := d
	on.Exchange = "x3"
	end := record.End{Exchange: "x1", Status: 200, Substitutions: []record.Substitution{{Credential: "payments-write", Location: "header:authorization", N: 1}},
		Masks: []record.Count{{Name: "payments-write", N: 2}}, Kept: "full", Recording: []record.Part{{Pack: "p1", Size: 10}}}
	return []record.Exchange{
		{Decision: record.Entry{Seq: 1, Time: at, Decision: &d}, End: &record.Entry{Time: at.Add(time.Second), End: &end}, DecisionLine: []byte("{}\n"), EndLine: []byte("{}\n")},
		{Decision: record.Entry{Seq: 2, Time: at.Add(2 * time.Second), Decision: &no}, DecisionLine: []byte("{}\n")},
		{Decision: record.Entry{Seq: 3, Time: at.Add(3 * time.Second), Decision: &on}, DecisionLine: []byte("{}\n")},
	}, nil
}

// log takes entries of what is read, unless it fails.
type log struct{ *world }

func (l log) Append(_ context.Context, e record.Entry) error {
	if l.noLog != nil {
		return l.noLog
	}
	l.world.read = append(l.world.read, *e.Act)
	return nil
}

// tapes holds what was said in exchange x1. Who reads before the log says so is
// refused.
type tapes struct{ *world }

func (r tapes) Read(_ context.Context, exchange string, parts []record.Part) (recording.Transcript, error) {
	if len(r.world.read) == 0 || len(parts) != 1 {
		return recording.Transcript{}, errors.New("read before the log says so")
	}
	return said1(exchange, r.hostile), r.noTape
}

const placeholder1 = "ckr_payments-write_0123456789abcdefghjkmnpqrs"

// said1 is an exchange in which a placeholder was used, and its value came back.
func said1(exchange, hostile string) recording.Transcript {
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	return recording.Transcript{Exchange: exchange, Began: time.Now().Add(-time.Hour), Complete: true,
		Sent: recording.Sum{Bytes: 20, Kept: 20, SHA256: record.Hash{1}}, Got: recording.Sum{Bytes: 200_000, Kept: 100, SHA256: record.Hash{2}},
		Events: []recording.Event{
			{At: ms(1), Kind: recording.Request, Head: &recording.Head{Method: "POST", Authority: "api.pay.test", Path: "/v1/refunds?" + hostile,
				Headers: []access.Header{{Name: "authorization", Value: "Bearer " + placeholder1}, {Name: "x-note", Value: hostile}}}},
			{At: ms(2), Kind: recording.Sent, Data: []byte(`{"amount": `)},
			{At: ms(3), Kind: recording.Sent, Data: []byte(`12}` + hostile)},
			{At: ms(500), Kind: recording.Response, Head: &recording.Head{Status: 200, Headers: []access.Header{{Name: "content-type", Value: "application/json"}}}},
			{At: ms(510), Kind: recording.Got, Data: []byte(`{"key": "` + placeholder1 + `", "other": "[masked]"}` + hostile), Masked: map[string]int{"payments-write": 2}},
		}}
}
