package export

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/record"
)

// alarm is something in an entry that somebody should look at.
type alarm struct{ title, detail string }

// forged is the act by which the log tells of an alarm.
const forged = "forge"

// alarms are what an entry tells of beside itself.
func (x entry) alarms() (all []alarm) {
	switch {
	case x.Decision != nil && x.Decision.Cause == access.CauseStolen:
		all = append(all, alarm{"A ticket was used by another than its holder", x.Decision.Reason})
	case x.End != nil && len(x.End.Values) > 0:
		all = append(all, alarm{"An agent sent the real value of a credential", "of " + strings.Join(x.End.Values, ", ")})
	}
	if x.Act != nil && x.Act.Name == forged {
		all = append(all, alarm{"Somebody wrote an act into the store", x.Act.Detail})
	}
	if x.End != nil && x.End.Lost {
		all = append(all, alarm{"A recording has a gap", "a part of the recording of this exchange could not be written"})
	}
	return all
}

// correlation is the id that the entries of one matter share.
func (x entry) correlation() string {
	switch {
	case x.Decision != nil:
		return x.Decision.Exchange
	case x.End != nil:
		return x.End.Exchange
	case x.Lease != nil:
		return x.Lease.ID
	case x.Approval != nil:
		return x.Approval.Lease
	case x.Bar != nil:
		return x.Bar.ID
	case x.Act != nil:
		return x.Act.Exchange
	}
	return ""
}

// message is the entry in a sentence.
func (x entry) message() string {
	switch {
	case x.Decision != nil:
		d := x.Decision
		return d.Outcome.String() + ": " + d.Method + " " + d.Host + d.Path
	case x.End != nil:
		return "exchange ended with status " + strconv.Itoa(x.End.Status)
	case x.Refusals != nil:
		return "callers without an identity were refused"
	case x.Reload != nil:
		return reloaded(x.Reload)
	case x.Lease != nil:
		return "lease over credential " + x.Lease.Credential + " is " + standing(x.Lease)
	case x.Approval != nil:
		return answer(x.Approval) + ": credential " + x.Approval.Credential
	case x.Bar != nil:
		return barred(x.Bar) + ": " + first(x.Bar.Credential, "every credential") + " for " + first(x.Bar.Principal, "everyone")
	case x.Act != nil:
		return strings.TrimSpace(x.Act.Name + " " + subject(x.Act))
	case x.Heads != nil:
		return "how far the logs of other replicas were"
	}
	return "an entry of a kind that is not known"
}

func reloaded(r *record.Reload) string {
	switch {
	case r.Error != "":
		return "a new configuration is bad, and the old rules stay in force"
	case r.Start:
		return "the service started"
	}
	return "a new configuration is in force"
}

func standing(l *record.Lease) string {
	if l.Ending != "" {
		return l.Ending
	}
	return l.State
}

func answer(a *record.Approval) string {
	if a.Approve {
		return "approve"
	}
	return "deny"
}

func barred(b *record.Bar) string {
	if b.Lifted {
		return "resume"
	}
	return "suspend"
}

// subject is what an act was done to.
func subject(a *record.Act) string { return first(a.Exchange, a.Session, a.Target, a.Principal) }

func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

// endpoint reads the "address:port" of a caller; an address that is none is a name.
func endpoint(source string) (ip, name string, port int) {
	host, digits, err := net.SplitHostPort(source)
	if err != nil {
		host = source
	}
	port, _ = strconv.Atoi(digits) // 0: none is known
	if _, err := netip.ParseAddr(host); err != nil {
		return "", host, port
	}
	return host, "", port
}

// positive is n, or nothing.
func positive[N int | int64](n N) any {
	if n > 0 {
		return n
	}
	return nil
}

// millis is a time in Unix milliseconds, or nothing.
func millis(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMilli()
}

// took is how long an exchange lasted; 0: not known.
func took(e *record.End) time.Duration {
	for _, p := range e.Phases {
		if p.Name == "total" {
			return p.Took
		}
	}
	return 0
}

// principal is the id of a principal, as access.Principal.ID makes it.
func principal(issuer, subject string) string {
	return access.Principal{Issuer: issuer, Subject: subject}.ID()
}

// split takes a principal's id apart; what is none is all subject.
func split(id string) (issuer, subject string) {
	if issuer, subject, ok := strings.Cut(id, "#"); ok {
		return issuer, subject
	}
	return "", id
}
