package secret

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// ErrUnknown is the error of a name that no source was declared for.
var ErrUnknown = errors.New("no such value is declared")

// ErrUnread is the error of a source that was declared but never read.
var ErrUnread = errors.New("not read yet")

// Unavailable is the error of a value whose source currently fails.
type Unavailable struct {
	Name string
	Err  error // of the source; holds no value
}

func (u *Unavailable) Error() string {
	return fmt.Sprintf("value of %q is unavailable: %v", u.Name, u.Err)
}

func (u *Unavailable) Unwrap() error { return u.Err }

// snapshot is what readers see: it never changes.
type snapshot struct {
	entries map[string]entry
	retired []former
}

// former is a value that is kept for masking, under its credential's name.
type former struct {
	name  string
	value Value
}

// Vault keeps the values of all sources. It is safe for concurrent use; reading
// a value touches memory only.
type Vault struct {
	mu       sync.Mutex // held while sources are read
	ledger   ledger
	current  atomic.Pointer[snapshot]
	onChange func()
	updated  chan struct{} // tells Watch of new sources
	now      func() time.Time
	read     func(Source) (Value, error)
}

// Open reads all sources. One that fails is no error of Open: its value is
// Unavailable until it can be read, and the others are unaffected (see
// Failing). A value that was replaced, or whose source was taken away, is told
// by Values for keep: somebody may still give it back. onChange is called, from whichever goroutine noticed, after
// anything changed that Values, Value or Failing tells, but by Update, whose
// caller knows; it may be nil.
func Open(sources map[string]Source, keep time.Duration, onChange func()) (*Vault, error) {
	for name, s := range sources {
		if (s.Env == "") == (s.File == "") {
			return nil, fmt.Errorf("opening the value of %q: want a file or an environment variable", name)
		}
	}
	v := &Vault{onChange: onChange, now: time.Now, read: Source.Read, updated: make(chan struct{}, 1)}
	v.ledger.keep = keep
	v.ledger.declare(sources, v.now())
	v.ledger.refresh(v.read, v.now())
	v.current.Store(v.ledger.snapshot())
	return v, nil
}

// Update replaces the sources and reads them. Values that are no longer
// declared, or differ now, are still told by Values for keep. onChange is not
// called: the caller may first have to put in force what the new values are for.
func (v *Vault) Update(sources map[string]Source, keep time.Duration) error {
	for name, s := range sources {
		if (s.Env == "") == (s.File == "") {
			return fmt.Errorf("opening the value of %q: want a file or an environment variable", name)
		}
	}
	v.change(func(now time.Time) bool {
		v.ledger.keep = keep
		declared := v.ledger.declare(sources, now)
		return v.ledger.refresh(v.read, now) || declared
	})
	select {
	case v.updated <- struct{}{}:
	default:
	}
	return nil
}

// Refresh reads all sources anew.
func (v *Vault) Refresh() {
	changed := v.change(func(now time.Time) bool { return v.ledger.refresh(v.read, now) })
	if changed && v.onChange != nil {
		v.onChange()
	}
}

func (v *Vault) change(do func(now time.Time) bool) (changed bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if changed = do(v.now()); changed {
		v.current.Store(v.ledger.snapshot())
	}
	return changed
}

// Value is the current value of that name. It fails with ErrUnknown, or with
// *Unavailable if the source fails: then the last good value is not used.
func (v *Vault) Value(name string) (Value, error) {
	e, ok := v.current.Load().entries[name]
	switch {
	case !ok:
		return Value{}, fmt.Errorf("value of %q: %w", name, ErrUnknown)
	case e.err != nil:
		return Value{}, &Unavailable{name, e.err}
	}
	return e.value, nil
}

// Values tells at one moment the current value of every source that works, and
// what is not to be used but still masked: the last good value of each source
// that now fails, and those replaced or taken away lately.
func (v *Vault) Values() (current map[string]Value, former map[string][]Value) {
	s := v.current.Load()
	current, former = make(map[string]Value, len(s.entries)), map[string][]Value{}
	for name, e := range s.entries {
		switch {
		case e.err == nil:
			current[name] = e.value
		case !e.value.IsZero():
			former[name] = append(former[name], e.value)
		}
	}
	for _, n := range s.retired {
		former[n.name] = append(former[n.name], n.value)
	}
	return current, former
}

// Failing tells the errors of the sources that fail, by name.
func (v *Vault) Failing() map[string]error {
	failing := map[string]error{}
	for name, e := range v.current.Load().entries {
		if e.err != nil {
			failing[name] = e.err
		}
	}
	return failing
}

// files are the paths of the sources that are files.
func (v *Vault) files() []string {
	var files []string
	for _, e := range v.current.Load().entries {
		if e.source.File != "" {
			files = append(files, e.source.File)
		}
	}
	return files
}
