package export

import (
	"strings"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/record"
)

const ecsVersion = "9.4.0"

// ecsEvent is what an entry becomes, before what all events share.
type ecsEvent struct {
	kind     string // empty: "event"
	category string
	types    []string
	action   string
	outcome  string // empty: unknown
	severity Severity
	reason   string
	fields   Fields
}

// ecsKinds says what each kind of entry becomes.
var ecsKinds = map[record.Kind]func(entry) []ecsEvent{
	record.KindDecision: ecsDecision,
	record.KindEnd:      ecsEnd,
	record.KindRefusals: ecsRefusals,
	record.KindReload:   ecsReload,
	record.KindLease:    ecsLease,
	record.KindApproval: ecsApproval,
	record.KindBar:      ecsBar,
	record.KindAct:      ecsAct,
	record.KindHeads:    ecsHeads,
}

// ecsOf makes an entry's events: what its kind becomes, and its alarms.
func ecsOf(x entry) []Event {
	become, known := ecsKinds[x.Kind()]
	if !known {
		become = ecsUnknown
	}
	made := become(x)
	for _, a := range x.alarms() {
		made = append(made, ecsEvent{kind: "alert", category: "intrusion_detection", types: []string{"info"}, action: "alarm",
			severity: High, reason: a.detail, fields: Fields{"message": a.title}})
	}
	events := []Event{}
	for _, e := range made {
		events = append(events, Event{Severity: e.severity, Fields: x.ecsShared(e)})
	}
	return events
}

// ecsShared adds to an event what all of them have.
func (x entry) ecsShared(e ecsEvent) Fields {
	f := Fields{
		"@timestamp": x.Time.UTC().Format(time.RFC3339Nano),
		"ecs":        Fields{"version": ecsVersion},
		"message":    x.message(),
		"event": Fields{"kind": first(e.kind, "event"), "category": labels(e.category), "type": e.types, "action": e.action,
			"outcome": first(e.outcome, "unknown"), "severity": int(e.severity), "reason": e.reason,
			"module": "cloakroom", "dataset": "cloakroom.log", "provider": "cloakroom", "sequence": x.Seq},
		"observer":  Fields{"vendor": "Cloakroom", "product": "Cloakroom", "version": x.version, "type": "proxy"},
		"cloakroom": Fields{"log": x.log, "correlation": x.correlation(), x.kind: x.payload},
	}
	for name, v := range e.fields {
		if own, both := f[name].(Fields); both {
			for n, v := range v.(Fields) {
				own[n] = v
			}
			continue
		}
		f[name] = v
	}
	return f
}

// ecsUser is who did something, or was asked about.
func ecsUser(issuer, subject string) Fields {
	return Fields{"id": first(principal(issuer, subject), subject), "name": subject, "domain": issuer}
}

func ecsBy(by string) Fields {
	issuer, subject := split(by)
	return ecsUser(issuer, subject)
}

func ecsSource(source string) Fields {
	ip, name, port := endpoint(source)
	return Fields{"ip": ip, "address": first(ip, name), "port": positive(port)}
}

func ecsDecision(x entry) []ecsEvent {
	d := x.Decision
	e := ecsEvent{category: "api", types: []string{"access", "denied"}, action: "decision-" + d.Outcome.String(), outcome: "failure", severity: Low, reason: d.Reason}
	if d.Outcome == access.Allow {
		e.types, e.outcome, e.severity = []string{"access", "allowed"}, "success", Informational
	}
	user := ecsUser(d.Issuer, d.Subject)
	user["roles"] = d.Groups
	ip, _, _ := endpoint(d.Source)
	path, query, _ := strings.Cut(d.Path, "?")
	e.fields = Fields{
		"user": user, "source": ecsSource(d.Source), "related": Fields{"user": labels(d.Subject), "ip": labels(ip), "hosts": labels(d.Host)},
		"destination": Fields{"address": d.Host, "domain": d.Host},
		"http":        Fields{"request": Fields{"method": d.Method, "id": d.Exchange}},
		"url":         Fields{"domain": first(d.Host, d.Authority), "path": path, "query": query, "original": d.Path},
		"rule":        Fields{"ruleset": "cloakroom", "version": d.Revision},
		"error":       Fields{"code": string(d.Code), "type": string(d.Cause)},
	}
	return []ecsEvent{e}
}

func ecsEnd(x entry) []ecsEvent {
	d := x.End
	e := ecsEvent{category: "api", types: []string{"end"}, action: "exchange-end", outcome: "success", severity: Informational, reason: d.Error}
	if d.Code != "" || d.Error != "" || d.Status == 0 {
		e.outcome, e.severity = "failure", Low
	}
	e.fields = Fields{
		"event": Fields{"duration": took(d).Nanoseconds()},
		"http": Fields{"request": Fields{"id": d.Exchange, "body": Fields{"bytes": positive(d.RequestBytes)}},
			"response": Fields{"status_code": positive(d.Status), "body": Fields{"bytes": d.ResponseBytes}}},
		"error": Fields{"code": string(d.Code)},
	}
	return []ecsEvent{e}
}

// ecsRefusals makes an event of each source.
func ecsRefusals(x entry) (events []ecsEvent) {
	for _, c := range x.Refusals.Counts {
		ip, _, _ := endpoint(c.Source)
		events = append(events, ecsEvent{category: "authentication", types: []string{"start"}, action: "refusals", outcome: "failure", severity: Low,
			fields: Fields{"source": ecsSource(c.Source), "error": Fields{"code": string(c.Code)}, "related": Fields{"ip": labels(ip)},
				"event": Fields{"start": timestamp(x.Refusals.Since), "end": timestamp(x.Time)}, "cloakroom": Fields{"count": c.N}}})
	}
	if len(events) == 0 {
		return ecsUnknown(x)
	}
	return events
}

// timestamp is a time as ECS has it; empty: there is none.
func timestamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}
