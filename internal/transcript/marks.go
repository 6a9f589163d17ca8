package transcript

import (
	"slices"

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

func inTarget(at access.Location) bool { return at.Kind == access.InPath || at.Kind == access.InQuery }

func inHeader(name string) func(access.Location) bool {
	return func(at access.Location) bool {
		return at.Kind == access.InHeader && at.Name == name || at.Kind == access.InCookie && name == "cookie"
	}
}

// mark writes which placeholders were used at the places that are wanted. Its line
// is ours alone: what an agent or backend wrote begins with ">" or "<".
func (p *printer) mark(x *Exchange, wanted func(access.Location) bool) {
	for _, u := range x.Used() {
		if wanted(u.At) {
			p.line("  « placeholder used here: %s at %s »", Visible(u.Credential), Visible(u.At.String()))
		}
	}
}

// used marks the placeholders in the fields of a body or message that was sent,
// where that begins.
func (p *printer) used(x *Exchange, e recording.Event) {
	if first := x.first(e.Kind); first == nil || first.At != e.At {
		return
	}
	p.mark(x, func(at access.Location) bool {
		return e.Kind == recording.Sent && at.InFields() || e.Kind == recording.MessageSent && at.InMessages()
	})
}
