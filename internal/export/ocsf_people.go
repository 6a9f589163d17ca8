package export

import "strings"

func ocsfReload(x entry) []ocsfEvent {
	r := x.Reload
	e := ocsfEvent{class: lifecycle, activity: 8, status: success, severity: Informational, fields: Fields{"app": x.product(),
		"policy": Fields{"name": "cloakroom", "version": r.Revision, "is_applied": r.Error == ""}}}
	if r.Start {
		e.activity = 3
	}
	if r.Error != "" {
		e.status, e.severity, e.detail = failure, Medium, r.Error
	}
	return []ocsfEvent{e}
}

func ocsfLease(x entry) []ocsfEvent {
	l := x.Lease
	e := ocsfEvent{class: userAccess, activity: other, status: success, severity: Informational, detail: l.Reason}
	switch {
	case l.State == "active":
		e.activity = 1
	case l.State == "ended" && l.Ending == "denied": // nothing was assigned that could be revoked
		e.name = "Deny"
	case l.State == "ended":
		e.activity = 2
	default:
		e.name, e.status = "Request", waiting
	}
	e.fields = Fields{
		"user": ocsfUser(l.Issuer, l.Subject, nil), "privileges": []string{l.Credential}, "actor": ocsfActor(l.By),
		"resource": Fields{"type": "credential", "name": l.Credential, "uid": l.ID, "labels": labels(l.Scope, l.Operation)},
		"end_time": millis(l.Ends),
	}
	return []ocsfEvent{e}
}

func labels(texts ...string) (all []string) {
	for _, t := range texts {
		if t != "" {
			all = append(all, t)
		}
	}
	return all
}

func ocsfApproval(x entry) []ocsfEvent {
	a := x.Approval
	issuer, subject := split(a.By)
	user := ocsfUser(issuer, subject, nil)
	user["full_name"] = a.Name
	if strings.Contains(a.Person, "@") {
		user["email_addr"] = a.Person
	}
	actor := Fields{"user": user, "session": Fields{"created_time": millis(a.LoggedIn)}, "invoked_by": a.Via}
	name := "Deny"
	if a.Approve {
		name = "Approve"
	}
	return []ocsfEvent{{class: entityManagement, activity: other, name: name, status: success, severity: Informational,
		fields: Fields{"actor": actor, "comment": a.Reason,
			"entity": Fields{"type": "lease", "uid": a.Lease, "name": a.Credential, "user": ocsfUser(a.Issuer, a.Subject, nil)}}}}
}

func ocsfBar(x entry) []ocsfEvent {
	b := x.Bar
	e := ocsfEvent{class: entityManagement, activity: 12, status: success, severity: Medium, fields: Fields{"actor": ocsfActor(b.By), "comment": b.Reason,
		"entity": Fields{"type": "credential", "uid": b.ID, "name": first(b.Credential, "every credential")}}}
	if b.Lifted {
		e.activity = 13
	}
	if b.Principal != "" {
		issuer, subject := split(b.Principal)
		e.fields["entity"].(Fields)["user"] = ocsfUser(issuer, subject, nil)
	}
	return []ocsfEvent{e}
}

// ocsfActs are the acts that OCSF has a number for; others keep their name.
var ocsfActs = map[string]struct {
	class    class
	activity int
}{
	"start": {lifecycle, 3}, "stop": {lifecycle, 4},
	"read": {entityManagement, 2}, "prune": {entityManagement, 4}, "erase": {entityManagement, 4},
}

func ocsfAct(x entry) []ocsfEvent {
	a := x.Act
	e := ocsfEvent{class: entityManagement, activity: other, name: a.Name, status: success, severity: Informational, detail: a.Detail}
	if known, ok := ocsfActs[a.Name]; ok {
		e.class, e.activity, e.name = known.class, known.activity, ""
	}
	e.fields = Fields{"count": positive(a.N)}
	if e.class.uid == lifecycle.uid {
		e.fields["app"] = x.product()
		return []ocsfEvent{e}
	}
	e.fields["actor"] = ocsfActor(a.By)
	e.fields["entity"] = Fields{"type": "record", "uid": first(subject(a), "the log"), "name": first(a.Session, a.Target, a.Exchange)}
	return []ocsfEvent{e}
}

func ocsfHeads(x entry) []ocsfEvent {
	return []ocsfEvent{{class: baseEvent, activity: other, name: "Heads", status: success, severity: Informational,
		fields: Fields{"count": positive(len(x.Heads.Heads))}}}
}

// ocsfUnknown is an event of any entry.
func ocsfUnknown(x entry) []ocsfEvent {
	return []ocsfEvent{{class: baseEvent, activity: other, name: x.kind, status: success, severity: Informational, fields: Fields{}}}
}
