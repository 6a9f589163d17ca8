package console

import (
	"fmt"
	"html/template"
	"strings"
	"time"

	"cloakroom/internal/approval"
	"cloakroom/internal/lease"
	"cloakroom/internal/record"
)

// clock is an element whose text the page's script keeps up to date.
func clock(kind string, t time.Time, text string) template.HTML {
	t = t.UTC()
	return template.HTML(fmt.Sprintf(`<time data-%s datetime="%s" title="%s">%s</time>`,
		kind, t.Format(time.RFC3339), t.Format("2006-01-02 15:04:05 UTC"), text))
}

// roles names them.
func roles(r approval.Roles) string {
	var names []string
	for _, role := range []struct {
		has  bool
		name string
	}{{r.Operator, "operator"}, {r.Approver, "approver"}, {r.Auditor, "auditor"}} {
		if role.has {
			names = append(names, role.name)
		}
	}
	return strings.Join(names, ", ")
}

// approvers are the people who approved a lease.
func approvers(l lease.Lease) (people []string) {
	for _, a := range l.Answers {
		if a.Approve {
			people = append(people, a.Person)
		}
	}
	return people
}

// masked is how many values were masked in an exchange.
func masked(x record.Exchange) (n int) {
	if x.End == nil {
		return 0
	}
	for _, m := range x.End.End.Masks {
		n += m.N
	}
	return n
}

// subject is the part of a principal's ID that its issuer chose.
func subject(principal string) string {
	_, after, ok := strings.Cut(principal, "#")
	if !ok {
		return principal
	}
	return after
}

// plain makes visible what would change how other text is read: control, format
// and bidirectional characters, and line breaks.
func plain(text any) string {
	return approval.Plain(fmt.Sprint(text))
}

// span is a duration in the two units that matter.
func span(d time.Duration) string {
	d = max(d, 0).Round(time.Second)
	h, m, s := int(d/time.Hour), int(d/time.Minute)%60, int(d/time.Second)%60
	switch {
	case h >= 48:
		return fmt.Sprintf("%d d", h/24)
	case h > 0 && m > 0:
		return fmt.Sprintf("%d h %d min", h, m)
	case h > 0:
		return fmt.Sprintf("%d h", h)
	case m > 0 && s > 0:
		return fmt.Sprintf("%d min %d s", m, s)
	case m > 0:
		return fmt.Sprintf("%d min", m)
	}
	return fmt.Sprintf("%d s", s)
}
