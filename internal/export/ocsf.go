package export

import "cloakroom/internal/record"

const ocsfVersion = "1.8.0"

// class is a class of OCSF's events.
type class struct {
	uid          int
	name         string
	category     int
	categoryName string
	activities   map[int]string
}

// The classes that entries become, each with the activities that are used. 99
// stands for any other, whose name the event says.
var (
	apiActivity = class{uid: 6003, name: "API Activity", category: 6, categoryName: "Application Activity",
		activities: map[int]string{1: "Create", 2: "Read", 3: "Update", 4: "Delete"}}
	httpActivity   = class{uid: 4002, name: "HTTP Activity", category: 4, categoryName: "Network Activity"}
	authentication = class{uid: 3002, name: "Authentication", category: 3, categoryName: "Identity & Access Management",
		activities: map[int]string{1: "Logon"}}
	userAccess = class{uid: 3005, name: "User Access Management", category: 3, categoryName: "Identity & Access Management",
		activities: map[int]string{1: "Assign Privileges", 2: "Revoke Privileges"}}
	entityManagement = class{uid: 3004, name: "Entity Management", category: 3, categoryName: "Identity & Access Management",
		activities: map[int]string{2: "Read", 4: "Delete", 12: "Suspend", 13: "Resume"}}
	lifecycle = class{uid: 6002, name: "Application Lifecycle", category: 6, categoryName: "Application Activity",
		activities: map[int]string{3: "Start", 4: "Stop", 8: "Update"}}
	finding = class{uid: 2004, name: "Detection Finding", category: 2, categoryName: "Findings",
		activities: map[int]string{1: "Create"}}
	baseEvent = class{uid: 0, name: "Base Event", category: 0, categoryName: "Uncategorized"}
)

// other is the activity that a class has no number for.
const other = 99

// status is how what an event tells of went.
type status int

const (
	success status = 1
	failure status = 2
	waiting status = other
)

var statuses = map[status]string{success: "Success", failure: "Failure", waiting: "Pending"}

// ocsfEvent is what an entry becomes, before what all events share.
type ocsfEvent struct {
	class    class
	activity int
	name     string // of another activity
	status   status
	code     string // of the status
	detail   string // of the status
	severity Severity
	fields   Fields
}

// ocsfKinds says what each kind of entry becomes.
var ocsfKinds = map[record.Kind]func(entry) []ocsfEvent{
	record.KindDecision: ocsfDecision,
	record.KindEnd:      ocsfEnd,
	record.KindRefusals: ocsfRefusals,
	record.KindReload:   ocsfReload,
	record.KindLease:    ocsfLease,
	record.KindApproval: ocsfApproval,
	record.KindBar:      ocsfBar,
	record.KindAct:      ocsfAct,
	record.KindHeads:    ocsfHeads,
}

// ocsfOf makes an entry's events: what its kind becomes, and its alarms.
func ocsfOf(x entry) []Event {
	become, known := ocsfKinds[x.Kind()]
	if !known {
		become = ocsfUnknown
	}
	made := become(x)
	for _, a := range x.alarms() {
		made = append(made, ocsfAlarm(x, a))
	}
	events := []Event{}
	for _, e := range made {
		events = append(events, Event{Severity: e.severity, Fields: x.ocsfShared(e)})
	}
	return events
}

// ocsfShared adds to an event what all of them have.
func (x entry) ocsfShared(e ocsfEvent) Fields {
	name := first(e.name, e.class.activities[e.activity])
	f := Fields{
		"activity_id": e.activity, "activity_name": name,
		"category_uid": e.class.category, "category_name": e.class.categoryName,
		"class_uid": e.class.uid, "class_name": e.class.name,
		"type_uid": e.class.uid*100 + e.activity, "type_name": e.class.name + ": " + name,
		"severity_id": int(e.severity), "severity": severities[e.severity],
		"status_id": int(e.status), "status": statuses[e.status], "status_code": e.code, "status_detail": e.detail,
		"time": x.Time.UnixMilli(), "message": x.message(),
		"metadata": Fields{"version": ocsfVersion, "product": x.product(), "log_name": x.log, "sequence": x.Seq,
			"event_code": x.kind, "correlation_uid": x.correlation(), "profiles": []string{"security_control"}},
		"unmapped": Fields{x.kind: x.payload},
	}
	for name, v := range e.fields {
		f[name] = v
	}
	return f
}

func (x entry) product() Fields {
	return Fields{"name": "Cloakroom", "vendor_name": "Cloakroom", "version": x.version}
}

// ocsfUser is a principal.
func ocsfUser(issuer, subject string, groups []string) Fields {
	if subject == "" {
		return Fields{"name": "nobody that is known", "type_id": 0, "type": "Unknown"}
	}
	var in []Fields
	for _, g := range groups {
		in = append(in, Fields{"name": g, "domain": issuer})
	}
	return Fields{"uid": first(principal(issuer, subject), subject), "name": subject, "domain": issuer, "groups": in}
}

// ocsfActor is who did something, named as the log names them; empty: the service.
func ocsfActor(by string) Fields {
	if by == "" {
		return Fields{"app_name": "Cloakroom"}
	}
	issuer, subject := split(by)
	return Fields{"user": ocsfUser(issuer, subject, nil)}
}

// ocsfEndpoint is where a caller is.
func ocsfEndpoint(source string) Fields {
	ip, name, port := endpoint(source)
	if ip == "" && name == "" {
		name = "unknown"
	}
	return Fields{"ip": ip, "name": name, "port": positive(port)}
}
