package lease

// Kept is how much a Keeper remembers beside the leases that live.
func (k *Keeper) Kept() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	n := len(k.flights) + len(k.of) + len(k.unsaved) + len(k.graves) + len(k.own) + len(k.waits) + len(k.subs)
	for _, t := range []*turns{&k.questions, &k.changes} {
		t.mu.Lock()
		n += len(t.of)
		t.mu.Unlock()
	}
	for range k.byID.Range {
		n++
	}
	for range k.byTicket.Range {
		n++
	}
	for range k.byUse.Range {
		n++
	}
	return n
}
