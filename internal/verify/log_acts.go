package verify

// act takes the id of an act that a command left. One that stands twice is noted, and
// is no finding: a service that is killed as it logs an act logs it again.
func (a *logAudit) act(id string, where Finding) {
	first, twice := a.acts[id]
	if !twice {
		a.acts[id] = where
		return
	}
	a.note("act %q is entry %d of log %s, and entry %d of log %s again: it was put back in the store, or a service ended as it logged it",
		id, first.Entry, first.Log, where.Entry, where.Log)
}
