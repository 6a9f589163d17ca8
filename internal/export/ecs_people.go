package export

func ecsReload(x entry) []ecsEvent {
	r := x.Reload
	e := ecsEvent{category: "configuration", types: []string{"change"}, action: "reload", outcome: "success", severity: Informational,
		fields: Fields{"rule": Fields{"ruleset": "cloakroom", "version": r.Revision}}}
	if r.Start {
		e.types, e.action = []string{"info"}, "start"
	}
	if r.Error != "" {
		e.outcome, e.severity, e.reason = "failure", Medium, r.Error
	}
	return []ecsEvent{e}
}

func ecsLease(x entry) []ecsEvent {
	l := x.Lease
	e := ecsEvent{category: "iam", types: []string{"user", "change"}, action: "lease-" + standing(l), outcome: "success", severity: Informational, reason: l.Reason}
	switch l.State {
	case "pending":
		e.types, e.outcome = []string{"user", "creation"}, "unknown"
	case "ended":
		e.types = []string{"user", "deletion"}
	}
	user := ecsUser(l.Issuer, l.Subject)
	if l.By != "" { // whom it is about is the target, who did it the user
		target := user
		user = ecsBy(l.By)
		user["target"] = target
	}
	e.fields = Fields{"user": user, "related": Fields{"user": labels(l.Subject)}, "event": Fields{"end": timestamp(l.Ends)}}
	return []ecsEvent{e}
}

func ecsApproval(x entry) []ecsEvent {
	a := x.Approval
	user := ecsBy(a.By)
	user["full_name"], user["target"] = a.Name, ecsUser(a.Issuer, a.Subject)
	return []ecsEvent{{category: "iam", types: []string{"admin", "change"}, action: "approval-" + answer(a), outcome: "success", severity: Informational, reason: a.Reason,
		fields: Fields{"user": user, "related": Fields{"user": labels(a.Subject, a.Person)}}}}
}

func ecsBar(x entry) []ecsEvent {
	b := x.Bar
	user := ecsBy(b.By)
	if b.Principal != "" {
		user["target"] = ecsBy(b.Principal)
	}
	e := ecsEvent{category: "iam", types: []string{"admin", "creation"}, action: "bar-" + barred(b), outcome: "success", severity: Medium, reason: b.Reason,
		fields: Fields{"user": user, "event": Fields{"end": timestamp(b.Until)}}}
	if b.Lifted {
		e.types = []string{"admin", "deletion"}
	}
	return []ecsEvent{e}
}

// ecsActs are the categories and types of the acts on what is recorded; others
// are about the instance.
var ecsActs = map[string]ecsEvent{
	"read":   {category: "file", types: []string{"access"}},
	"export": {category: "file", types: []string{"access"}},
	"prune":  {category: "file", types: []string{"deletion"}},
	"erase":  {category: "file", types: []string{"deletion"}},
}

func ecsAct(x entry) []ecsEvent {
	a := x.Act
	e, known := ecsActs[a.Name]
	if !known {
		e = ecsEvent{category: "configuration", types: []string{"info"}}
	}
	e.action, e.outcome, e.severity, e.reason = "act-"+a.Name, "success", Informational, a.Detail
	e.fields = Fields{"user": ecsBy(a.By)}
	return []ecsEvent{e}
}

func ecsHeads(entry) []ecsEvent {
	return []ecsEvent{{kind: "state", action: "heads", outcome: "success", severity: Informational}}
}

// ecsUnknown is an event of any entry.
func ecsUnknown(x entry) []ecsEvent {
	return []ecsEvent{{action: x.kind, severity: Informational}}
}
