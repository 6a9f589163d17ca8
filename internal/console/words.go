package console

import (
	"fmt"
	"html/template"
	"strconv"
	"strings"
	"time"

	"cloakroom/internal/access"
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

// outcomes are those that sessions can be asked for, as the form names them.
var outcomes = []struct{ Value, Text string }{
	{"", "any"}, {"allow", "allowed"}, {"refused", "refused"}, {"deny", "denied"}, {"needs_approval", "needs approval"},
}

// legend explains a timeline's marks.
var legend = []mark{
	{"allow", middle, middle, "allowed"}, {"refused", middle, middle, "refused"}, {"asked", middle, middle, "needs approval"}, {"yes", middle, middle, "approved"}, {"no", middle, middle, "denied or revoked"},
	{"used", middle, middle, "a placeholder was used"}, {"masked", middle, middle, "a value was masked"},
}

// hashed is a hash as text; empty: it was not taken.
func hashed(h record.Hash) string {
	if h == (record.Hash{}) {
		return ""
	}
	return h.String()
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

// outcome is the word by which the style knows how an exchange was decided.
func outcome(x record.Exchange) string {
	switch x.Decision.Decision.Outcome {
	case access.Allow:
		return "allow"
	case access.NeedsApproval:
		return "asked"
	}
	return "refused"
}

// offset is a duration to the millisecond where that matters.
func offset(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return "0"
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return strconv.FormatFloat(float64(d.Milliseconds())/1000, 'f', -1, 64) + " s"
	}
	return span(d)
}

// size is a number of bytes.
func size(n int64) string {
	switch {
	case n < 1<<10:
		return fmt.Sprintf("%d B", n)
	case n < 1<<20:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
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
