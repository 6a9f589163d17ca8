package secret

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// keep is how long the tests' vaults tell former values.
const keep = time.Hour

// fake is a Vault over values in a map, with a clock of its own.
type fake struct {
	vault   *Vault
	values  map[string]string // by environment variable
	clock   time.Time
	changes int
}

func newFake(t *testing.T, values map[string]string) *fake {
	t.Helper()
	f := &fake{values: values, clock: time.Unix(1000, 0)}
	v, err := Open(nil, keep, func() { f.changes++ })
	if err != nil {
		t.Fatal(err)
	}
	v.now = func() time.Time { return f.clock }
	v.read = func(s Source) (Value, error) {
		return s.ReadWith(func(name string) (string, bool) { text, ok := f.values[name]; return text, ok })
	}
	f.vault = v
	return f
}

func (f *fake) masked() string {
	var all []string
	current, former := f.vault.Values()
	for name, v := range current {
		all = append(all, name+"="+string(v.Reveal())[:1])
	}
	for name, vs := range former {
		for _, v := range vs {
			all = append(all, name+"~"+string(v.Reveal())[:1])
		}
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func val(c string) string { return c + canary }

func TestVault(t *testing.T) {
	f := newFake(t, map[string]string{"A": val("1"), "B": val("2")})
	sources := map[string]Source{"a": {Env: "A"}, "b": {Env: "B"}, "c": {Env: "C"}}
	if err := f.vault.Update(sources, keep); err != nil {
		t.Fatal(err)
	}
	expect := func(what, masked string, failing, changes int) {
		t.Helper()
		if got := f.masked(); got != masked || len(f.vault.Failing()) != failing || f.changes != changes {
			t.Errorf("%s: masked %q, want %q; failing %v; %d changes, want %d", what, got, masked, f.vault.Failing(), f.changes, changes)
		}
	}
	expect("opened", "a=1 b=2", 1, 0)
	if _, err := f.vault.Value("c"); !errors.Is(err, ErrUnset) {
		t.Errorf("a source that fails: %v", err)
	}
	if _, err := f.vault.Value("d"); !errors.Is(err, ErrUnknown) {
		t.Errorf("a name nobody declared: %v", err)
	}
	f.vault.Refresh()
	expect("nothing new", "a=1 b=2", 1, 0)

	f.values["A"] = val("3")
	f.vault.Refresh()
	expect("replaced", "a=3 a~1 b=2", 1, 1)
	if v, err := f.vault.Value("a"); err != nil || string(v.Reveal()) != val("3") {
		t.Errorf("replaced, but %v", err)
	}

	delete(f.values, "A")
	f.values["C"] = val("4")
	f.vault.Refresh()
	expect("one fails, one recovers", "a~1 a~3 b=2 c=4", 1, 2)
	var u *Unavailable
	if v, err := f.vault.Value("a"); !errors.As(err, &u) || !v.IsZero() {
		t.Errorf("a value whose source fails is still used: %v", err)
	}

	f.clock = f.clock.Add(keep)
	f.vault.Refresh()
	expect("kept long enough", "a~3 b=2 c=4", 1, 3)

	f.values["A"] = val("1")
	f.vault.Refresh()
	f.values["A"] = val("3")
	f.vault.Refresh()
	expect("there and back", "a=3 a~1 b=2 c=4", 0, 5)

	if err := f.vault.Update(map[string]Source{"a": {Env: "NONE"}, "b": {Env: "B"}}, keep); err != nil {
		t.Fatal(err)
	}
	expect("sources replaced", "a~1 a~3 b=2 c~4", 1, 5)
	if _, err := f.vault.Value("a"); err == nil {
		t.Error("a source that was replaced by a failing one still yields a value")
	}
	if _, err := f.vault.Value("c"); !errors.Is(err, ErrUnknown) {
		t.Errorf("a source that was taken away: %v", err)
	}
	f.clock = f.clock.Add(keep)
	f.vault.Refresh()
	expect("in the end", "a~3 b=2", 1, 6)
}

func TestOpenRefuses(t *testing.T) {
	for name, s := range map[string]Source{"nothing": {}, "both": {Env: "A", File: "a"}} {
		if _, err := Open(map[string]Source{"a": s}, keep, nil); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// Each step changes a watched file in another way; Watch must see them all.
func TestWatch(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	file, swapped, linked := filepath.Join(dir, "a"), filepath.Join(dir, "b"), filepath.Join(dir, "c")
	write(t, file, val("1"))
	mount := func(name, text string) { // as Kubernetes mounts a secret
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, name, "b"), text)
		if err := errors.Join(os.Symlink(name, filepath.Join(dir, "tmp")), os.Rename(filepath.Join(dir, "tmp"), filepath.Join(dir, "..data"))); err != nil {
			t.Fatal(err)
		}
	}
	mount("..v1", val("1"))
	write(t, filepath.Join(elsewhere, "c"), val("1"))
	if err := errors.Join(os.Symlink("..data/b", swapped), os.Symlink(filepath.Join(elsewhere, "c"), linked)); err != nil {
		t.Fatal(err)
	}
	changed := make(chan struct{}, 100)
	v, err := Open(map[string]Source{"a": {File: file}, "b": {File: swapped}, "c": {File: linked}}, keep, func() { changed <- struct{}{} })
	if err != nil || len(v.Failing()) != 0 {
		t.Fatal(err, v.Failing())
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { v.Watch(ctx); close(done) }()
	defer func() { cancel(); <-done }()

	await := func(name, want string) {
		t.Helper()
		deadline := time.After(2 * poll)
		for {
			got, err := v.Value(name)
			if err == nil && string(got.Reveal()) == want || err != nil && want == "" {
				return
			}
			select {
			case <-changed:
			case <-deadline:
				t.Fatalf("value of %q: %v, and no change seen", name, err)
			}
		}
	}
	write(t, file, val("2"))
	await("a", val("2"))
	mount("..v2", val("3"))
	await("b", val("3"))
	write(t, filepath.Join(elsewhere, "c"), val("4"))
	await("c", val("4"))
	if err := os.Rename(write(t, filepath.Join(dir, "new"), val("5")), file); err != nil {
		t.Fatal(err)
	}
	await("a", val("5"))
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	await("a", "")
	write(t, file, val("6"))
	await("a", val("6"))
	late := write(t, filepath.Join(t.TempDir(), "d"), val("1"))
	if err := v.Update(map[string]Source{"d": {File: late}}, keep); err != nil {
		t.Fatal(err)
	}
	write(t, late, val("2"))
	await("d", val("2"))
}
