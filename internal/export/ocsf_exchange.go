package export

import (
	"strings"

	"cloakroom/internal/access"
	"cloakroom/internal/record"
)

// ocsfMethods are the activities that HTTP's methods are, of all that OCSF knows.
var ocsfMethods = map[string]int{"GET": 2, "HEAD": 2, "OPTIONS": 2, "POST": 1, "PUT": 3, "PATCH": 3, "DELETE": 4, "CONNECT": other, "TRACE": other}

func ocsfDecision(x entry) []ocsfEvent {
	d := x.Decision
	e := ocsfEvent{class: apiActivity, activity: other, name: d.Method, status: failure, code: string(d.Code), detail: d.Reason, severity: Low}
	if a, ok := ocsfMethods[d.Method]; ok && a != other {
		e.activity, e.name = a, ""
	}
	control := blocked
	switch d.Outcome {
	case access.Allow:
		e.status, e.severity, control = success, Informational, allowed
	case access.NeedsApproval:
		e.status, control = waiting, delayed
	}
	policy := Fields{"name": "cloakroom", "version": d.Revision, "is_applied": true}
	e.fields = Fields{
		"is_alert": d.Cause == access.CauseStolen,
		"policy":   policy, "authorizations": []Fields{{"decision": d.Outcome.String(), "policy": policy}},
		"actor": Fields{"user": ocsfUser(d.Issuer, d.Subject, d.Groups),
			"session": Fields{"uid": d.Session, "issuer": d.Issuer}, "idp": Fields{"name": d.Issuer}},
		"api": Fields{"operation": d.Method + " " + d.Path, "service": Fields{"name": d.Host},
			"request": Fields{"uid": d.Exchange}},
		"http_request": ocsfRequest(d),
		"src_endpoint": ocsfEndpoint(d.Source),
		"dst_endpoint": Fields{"hostname": d.Host, "svc_name": d.Route},
		"resources":    ocsfUses(d.Uses),
	}
	control.into(e.fields)
	return []ocsfEvent{e}
}

// control is what was done to an exchange, in the words of OCSF's profile
// "security_control".
type control struct {
	actionID      int
	action        string
	dispositionID int
	disposition   string
}

var (
	allowed = control{1, "Allowed", 1, "Allowed"}
	blocked = control{2, "Denied", 2, "Blocked"}
	delayed = control{2, "Denied", 14, "Delayed"}
)

func (c control) into(f Fields) {
	f["action_id"], f["action"], f["disposition_id"], f["disposition"] = c.actionID, c.action, c.dispositionID, c.disposition
}

func ocsfRequest(d *record.Decision) Fields {
	path, query, _ := strings.Cut(d.Path, "?")
	f := Fields{"uid": d.Exchange, "url": Fields{"hostname": first(d.Host, d.Authority), "path": path, "query_string": query}}
	if _, known := ocsfMethods[d.Method]; known {
		f["http_method"] = d.Method
	}
	return f
}

// ocsfUses are the credentials that an exchange may use.
func ocsfUses(uses []record.Use) (all []Fields) {
	for _, u := range uses {
		all = append(all, Fields{"type": "credential", "name": u.Credential, "uid": u.Lease, "labels": []string{u.Location}})
	}
	return all
}

func ocsfEnd(x entry) []ocsfEvent {
	d := x.End
	e := ocsfEvent{class: httpActivity, activity: other, name: "End", status: success, code: string(d.Code), detail: d.Error, severity: Informational}
	if d.Code != "" || d.Error != "" || d.Status == 0 {
		e.status, e.severity = failure, Low
	}
	e.fields = Fields{
		"http_request": Fields{"uid": d.Exchange, "body_length": positive(d.RequestBytes)},
		"traffic":      Fields{"bytes_out": d.ResponseBytes, "bytes_in": d.RequestBytes, "bytes": d.ResponseBytes + d.RequestBytes},
		"duration":     took(d).Milliseconds(),
		"is_alert":     len(x.alarms()) > 0,
	}
	if d.Status > 0 {
		e.fields["http_response"] = Fields{"code": d.Status, "body_length": d.ResponseBytes}
	}
	return []ocsfEvent{e}
}

// ocsfRefusals makes an event of each source.
func ocsfRefusals(x entry) (events []ocsfEvent) {
	for _, c := range x.Refusals.Counts {
		e := ocsfEvent{class: authentication, activity: 1, status: failure, code: string(c.Code), severity: Low,
			fields: Fields{"count": c.N, "start_time": millis(x.Refusals.Since), "end_time": x.Time.UnixMilli(),
				"user": ocsfUser("", "", nil), "service": Fields{"name": "Cloakroom"}, "src_endpoint": ocsfEndpoint(c.Source)}}
		blocked.into(e.fields)
		events = append(events, e)
	}
	if len(events) == 0 {
		return ocsfUnknown(x)
	}
	return events
}

// ocsfAlarm is an alarm as a finding.
func ocsfAlarm(x entry, a alarm) ocsfEvent {
	e := ocsfEvent{class: finding, activity: 1, severity: High, fields: Fields{
		"finding_info": Fields{"uid": x.uid(0), "title": a.title, "desc": a.detail, "created_time": x.Time.UnixMilli(),
			"data_sources": []string{"the log of Cloakroom"}},
		"is_alert": true, "message": a.title, "status_id": 1, "status": "New", // a finding's own statuses
	}}
	if d := x.Decision; d != nil {
		e.fields["evidences"] = []Fields{{"actor": Fields{"user": ocsfUser(d.Issuer, d.Subject, nil)},
			"src_endpoint": ocsfEndpoint(d.Source), "dst_endpoint": Fields{"hostname": d.Host}}}
	}
	return e
}
