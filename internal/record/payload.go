package record

import (
	"strconv"
	"time"
)

// payload appends the fields of the entry's kind.
func (e *encoder) payload(x Entry) {
	switch {
	case x.Decision != nil:
		e.decision(x.Decision)
	case x.End != nil:
		e.end(x.End)
	case x.Refusals != nil:
		e.refusals(x.Refusals)
	case x.Reload != nil:
		e.text("revision", x.Reload.Revision, textMax)
		e.number("credentials", int64(x.Reload.Credentials))
		e.text("error", x.Reload.Error, textMax)
		e.flag("start", x.Reload.Start)
		e.text("set", x.Reload.Set, itemMax)
		e.parts("rules", x.Reload.Rules)
		if x.Reload.Prints > 0 {
			e.number("prints", int64(x.Reload.Prints))
			e.hash("book", x.Reload.Book)
		}
		if x.Reload.Inventory != (Hash{}) {
			e.hash("inventory", x.Reload.Inventory)
		}
	case x.Lease != nil:
		e.lease(x.Lease)
	case x.Approval != nil:
		e.approval(x.Approval)
	case x.Bar != nil:
		e.bar(x.Bar)
	case x.Act != nil:
		e.act(x.Act)
	case x.Heads != nil:
		list(e, "heads", x.Heads.Heads, listMax, func(h Head) {
			e.id("log", h.Log)
			e.number("size", h.Size)
			e.hash("root", h.Root)
		})
	}
}

func (e *encoder) decision(d *Decision) {
	e.id("exchange", d.Exchange)
	e.text("issuer", d.Issuer, textMax)
	e.text("subject", d.Subject, textMax)
	e.texts("groups", d.Groups)
	e.flag("ticket", d.Ticket)
	e.texts("tokens", d.Tokens)
	e.text("session", d.Session, textMax)
	e.text("source", d.Source, itemMax)
	e.text("method", d.Method, itemMax)
	e.text("host", d.Host, textMax)
	e.text("authority", d.Authority, textMax)
	e.text("path", d.Path, pathMax)
	e.text("route", d.Route, textMax)
	e.outcome(d.Outcome)
	e.text("code", string(d.Code), itemMax)
	e.text("cause", string(d.Cause), itemMax)
	e.text("reason", d.Reason, textMax)
	e.text("revision", d.Revision, textMax)
	cut := list(e, "uses", d.Uses, usesMax, func(u Use) {
		e.text("credential", u.Credential, itemMax)
		e.text("placeholder", u.Placeholder.Text, itemMax)
		e.text("location", u.Location, itemMax)
		e.id("lease", u.Lease)
		e.time("lease_ends", u.LeaseEnds)
		e.number("needs", int64(u.Needs))
	})
	e.number("uses_cut", int64(d.UsesCut+cut))
	cut = list(e, "seen", d.Seen, seenMax, func(s Seen) {
		e.text("placeholder", s.Placeholder.Text, itemMax)
		e.text("location", s.Location, itemMax)
	})
	e.number("seen_cut", int64(d.SeenCut+cut))
}

func (e *encoder) end(x *End) {
	e.id("exchange", x.Exchange)
	e.number("status", int64(x.Status))
	e.number("request_bytes", x.RequestBytes)
	e.number("response_bytes", x.ResponseBytes)
	list(e, "substitutions", x.Substitutions, listMax, func(s Substitution) {
		e.text("credential", s.Credential, itemMax)
		e.text("location", s.Location, itemMax)
		e.number("n", int64(s.N))
	})
	cut := x.SubstitutionsCut
	for _, s := range x.Substitutions[min(len(x.Substitutions), listMax):] {
		cut += s.N
	}
	e.number("substitutions_cut", int64(cut))
	list(e, "masks", x.Masks, listMax, func(c Count) {
		e.text("name", c.Name, itemMax)
		e.number("n", int64(c.N))
	})
	list(e, "phases", x.Phases, listMax, func(p Phase) {
		e.text("name", p.Name, itemMax)
		e.key("ms")
		ms := float64(p.Took.Round(time.Microsecond)) / float64(time.Millisecond)
		e.buf = strconv.AppendFloat(e.buf, ms, 'f', 3, 64)
	})
	e.texts("values", x.Values)
	e.text("code", string(x.Code), itemMax)
	e.text("error", x.Error, textMax)
	e.text("set", x.Set, textMax)
	e.text("kept", x.Kept, itemMax)
	e.parts("recording", x.Recording)
	if x.Tape != (Hash{}) {
		e.hash("tape", x.Tape)
	}
	e.time("until", x.Until)
	e.flag("lost", x.Lost)
}

// parts appends all of them: what the log does not name is not proved.
func (e *encoder) parts(name string, parts []Part) {
	list(e, name, parts, PartsMax, func(p Part) {
		e.id("pack", p.Pack)
		e.number("at", p.At)
		e.number("size", p.Size)
		e.hash("sha256", p.SHA256)
	})
}

func (e *encoder) refusals(r *Refusals) {
	e.time("since", r.Since)
	list(e, "counts", r.Counts, 2*listMax, func(c RefusalCount) {
		e.text("code", string(c.Code), itemMax)
		e.text("source", c.Source, itemMax)
		e.number("n", int64(c.N))
	})
}

func (e *encoder) lease(l *Lease) {
	e.id("id", l.ID)
	e.text("issuer", l.Issuer, textMax)
	e.text("subject", l.Subject, textMax)
	e.text("person", l.Person, textMax)
	e.text("credential", l.Credential, itemMax)
	e.text("session", l.Session, textMax)
	e.text("reason", l.Reason, textMax)
	e.text("operation", l.Operation, pathMax)
	e.text("body", l.Body, itemMax)
	e.text("scope", l.Scope, itemMax)
	e.text("state", l.State, itemMax)
	e.text("ending", l.Ending, itemMax)
	e.number("needs", int64(l.Needs))
	e.flag("ticket", l.Ticket)
	e.text("by", l.By, textMax)
	e.time("ends", l.Ends)
}

func (e *encoder) approval(a *Approval) {
	e.id("lease", a.Lease)
	e.text("issuer", a.Issuer, textMax)
	e.text("subject", a.Subject, textMax)
	e.text("credential", a.Credential, itemMax)
	e.text("session", a.Session, textMax)
	e.flag("approve", a.Approve)
	e.text("scope", a.Scope, itemMax)
	e.text("reason", a.Reason, textMax)
	e.text("by", a.By, textMax)
	e.text("person", a.Person, textMax)
	e.text("name", a.Name, textMax)
	e.text("via", a.Via, itemMax)
	e.time("logged_in", a.LoggedIn)
	e.text("seen", a.Seen, itemMax)
	e.text("shown", a.Shown, ShownMax)
}

func (e *encoder) bar(b *Bar) {
	e.id("id", b.ID)
	e.text("principal", b.Principal, textMax)
	e.text("credential", b.Credential, itemMax)
	e.time("until", b.Until)
	e.text("reason", b.Reason, textMax)
	e.text("by", b.By, textMax)
	e.flag("lifted", b.Lifted)
}

func (e *encoder) act(a *Act) {
	e.text("name", a.Name, itemMax)
	e.text("by", a.By, textMax)
	e.text("principal", a.Principal, textMax)
	e.text("session", a.Session, textMax)
	e.id("exchange", a.Exchange)
	e.text("target", a.Target, textMax)
	e.number("n", int64(a.N))
	e.text("detail", a.Detail, textMax)
	e.id("id", a.ID)
	e.bytes("sig", a.Sig, signatureMax)
}

// list appends a list of objects, at most most of them, and returns how many
// were left out.
func list[T any](e *encoder, name string, items []T, most int, fields func(T)) (cut int) {
	if len(items) == 0 {
		return 0
	}
	if len(items) > most {
		items, cut = items[:most], len(items)-most
	}
	e.key(name)
	e.buf = append(e.buf, '[')
	for _, item := range items {
		e.comma()
		e.buf = append(e.buf, '{')
		fields(item)
		e.buf = append(e.buf, '}')
	}
	e.buf = append(e.buf, ']')
	return cut
}
