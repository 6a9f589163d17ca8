package recording

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"cloakroom/internal/record"
)

var newKey = [32]byte{7}

// reopen opens a recorder with another key; old are those before.
func reopen(t *testing.T, dir string, l Log, key [32]byte, old ...[32]byte) *Recorder {
	t.Helper()
	r, err := Open(t.Context(), Options{Dir: dir, Key: key, OldKeys: old, Log: l, Strict: true, Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// After the key was changed, what is under the one before is read with it, and without
// it nobody says that it was changed. Packs that do not say which key they are under
// are no different.
func TestKeyIsChanged(t *testing.T) {
	for _, says := range []bool{true, false} {
		t.Run(fmt.Sprintf("packs say it=%v", says), func(t *testing.T) {
			dir := newDir(t)
			l := openLog(t, dir)
			first := open(t, dir, l, Options{Strict: true})
			id := first.ring[0].id
			if !says {
				first.ring[0].id = ""
			}
			before, beforeEnd := recordOne(t, first, dir, full)
			first.Close()
			second := reopen(t, dir, l, newKey, [32]byte{5}, testKey)
			after, afterEnd := recordOne(t, second, dir, full)
			wantWhole(t, second, beforeEnd, before)
			wantWhole(t, second, afterEnd, after)
			for _, c := range []struct {
				key [32]byte
				end record.End
				ok  bool
			}{{newKey, beforeEnd, false}, {newKey, afterEnd, true}, {testKey, beforeEnd, true}, {testKey, afterEnd, false}} {
				packs, err := OpenReader(t.Context(), dir, c.key, "")
				if err != nil {
					t.Fatal(err)
				}
				_, err = packs.Read(t.Context(), c.end.Exchange, c.end.Recording)
				if c.ok != (err == nil) || !c.ok && (!errors.Is(err, ErrKey) || errors.Is(err, ErrBroken)) {
					t.Errorf("key %d, exchange %s: %v", c.key[0], c.end.Exchange, err)
				}
				if c.key == newKey && !c.ok && says != strings.Contains(err.Error(), id) {
					t.Errorf("which key it is: %v", err)
				}
				if err := packs.Check(t.Context(), c.end.Recording[0]); err != nil {
					t.Errorf("its hash needs a key: %v", err)
				}
			}
		})
	}
}

// A pack that was left open under an earlier key is closed with it, and what it has no
// end of is ended.
func TestRecoversUnderAnOldKey(t *testing.T) {
	dir, _, named := left(t)
	l := openLog(t, dir)
	_, err := Open(context.Background(), Options{Dir: dir, Key: newKey, Log: l, Strict: true, Logger: quiet()})
	if !errors.Is(err, ErrKey) {
		t.Errorf("without the key: %v", err)
	}
	r := reopen(t, dir, l, newKey, testKey)
	if len(closed(t, dir)) != 1 {
		t.Error("the pack is not closed")
	}
	all := ends(t, dir)
	for _, id := range named {
		wantWhole(t, r, all[id], id)
	}
	wantNamed(t, dir)
}
