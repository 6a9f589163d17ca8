package secret

import "time"

// ledger is what a Vault knows. It takes the time and the reading of sources as
// arguments; it is not safe for concurrent use.
type ledger struct {
	entries map[string]*entry
	retired map[string][]retired
	keep    time.Duration // how long a value that was replaced is told still
}

type entry struct {
	source Source
	value  Value // the last good one; zero: never was any
	err    error // of the last reading
}

type retired struct {
	value Value
	ends  time.Time
}

// declare replaces the sources, without reading them. What their names held
// stays until it is read anew.
func (l *ledger) declare(sources map[string]Source, now time.Time) (changed bool) {
	entries := make(map[string]*entry, len(sources))
	for name, s := range sources {
		old := l.entries[name]
		if old != nil && old.source == s {
			entries[name] = old
			continue
		}
		changed = true
		entries[name] = &entry{source: s, err: ErrUnread}
		if old != nil {
			entries[name].value = old.value
		}
	}
	for name, old := range l.entries {
		if entries[name] == nil {
			l.retire(name, old.value, now)
			changed = true
		}
	}
	l.entries = entries
	return changed
}

// refresh takes what every source yields now. It tells whether anything
// differs: a value, whether a source fails, or what is still masked.
func (l *ledger) refresh(read func(Source) (Value, error), now time.Time) (changed bool) {
	for name, e := range l.entries {
		v, err := read(e.source)
		changed = changed || (err == nil) != (e.err == nil)
		e.err = err
		if err != nil || (!e.value.IsZero() && e.value.Equal(v)) {
			continue
		}
		changed = true
		l.retire(name, e.value, now)
		e.value = v
	}
	return l.expire(now) || changed
}

func (l *ledger) retire(name string, v Value, now time.Time) {
	if v.IsZero() {
		return
	}
	if l.retired == nil {
		l.retired = map[string][]retired{}
	}
	l.retired[name] = append(l.retired[name], retired{v, now.Add(l.keep)})
}

// expire forgets what has been kept long enough, and what is current again.
func (l *ledger) expire(now time.Time) (changed bool) {
	for name, all := range l.retired {
		var keep []retired
		for _, r := range all {
			if e := l.entries[name]; r.ends.After(now) && (e == nil || !e.value.Equal(r.value)) {
				keep = append(keep, r)
			}
		}
		changed = changed || len(keep) != len(all)
		if l.retired[name] = keep; len(keep) == 0 {
			delete(l.retired, name)
		}
	}
	return changed
}

func (l *ledger) snapshot() *snapshot {
	s := &snapshot{entries: make(map[string]entry, len(l.entries))}
	for name, e := range l.entries {
		s.entries[name] = *e
	}
	for name, all := range l.retired {
		for _, r := range all {
			s.retired = append(s.retired, former{name, r.value})
		}
	}
	return s
}
