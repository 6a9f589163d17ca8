package transcript

import (
	"slices"
	"strings"

	"cloakroom/internal/access"
	"cloakroom/internal/recording"
)

// Used is where a placeholder became a value.
type Used struct {
	Credential string
	At         access.Location
}

// Used lists where placeholders became values. While the exchange has no end that
// says it, these are the places where they may.
func (x *Exchange) Used() (all []Used) {
	add := func(credential, location string) {
		at, err := access.ParseLocation(location)
		if u := (Used{credential, at}); err == nil && !slices.Contains(all, u) {
			all = append(all, u)
		}
	}
	if x.End == nil {
		for _, u := range x.Decision.Decision.Uses {
			add(u.Credential, u.Location)
		}
		return all
	}
	for _, s := range x.End.End.Substitutions {
		add(s.Credential, s.Location)
	}
	return all
}

// mark says which placeholders were used at a place of one of the kinds; name "":
// whatever the place is called.
func (p *printer) mark(x *Exchange, kind access.LocationKind, name string, more ...access.LocationKind) string {
	var names []string
	for _, u := range x.Used() {
		if (u.At.Kind == kind || slices.Contains(more, u.At.Kind)) && (name == "" || u.At.Name == name) {
			names = append(names, Visible(u.Credential))
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "  « placeholder used here: " + strings.Join(names, ", ") + " »"
}

// used marks the placeholders in the fields of a body or message that was sent,
// where that begins.
func (p *printer) used(x *Exchange, arrow string, e recording.Event) {
	if first := x.first(e.Kind); first == nil || first.At != e.At {
		return
	}
	for _, u := range x.Used() {
		if e.Kind == recording.Sent && u.At.InFields() || e.Kind == recording.MessageSent && u.At.InMessages() {
			p.line("%s « placeholder used here: %s at %s »", arrow, Visible(u.Credential), Visible(u.At.String()))
		}
	}
}
