package recording

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// A pack that the outside store does not take is counted and tried again, and those
// behind it go on.
func TestOnePackIsNotTaken(t *testing.T) {
	dir, bucket := newDir(t), t.TempDir()
	l := openLog(t, dir)
	stuck := filepath.Join(dir, packsFolder, strings.Repeat("0", exchangeLen)+"-0-0"+closedExt) // before all others
	if err := errors.Join(os.MkdirAll(filepath.Dir(stuck), 0o700), os.WriteFile(stuck, []byte("a pack"), 0o600)); err != nil {
		t.Fatal(err)
	}
	sum, err := hashFile(stuck)
	if err != nil {
		t.Fatal(err)
	}
	key := objectKey(stuck, sum)
	if err := os.Mkdir(filepath.Join(bucket, key), 0o700); err != nil { // where its object would be
		t.Fatal(err)
	}
	r := open(t, dir, l, Options{Strict: true, Store: "file://" + bucket, PackBytes: 1})
	id, e := recordOne(t, r, dir, full)
	recordOne(t, r, dir, full) // closes the pack of the one before
	eventually(t, "storing those behind it", func() bool { return r.Stats().Shipped > 0 && r.Stats().Refused > 1 })
	wantWhole(t, r, e, id)
	eventually(t, "telling of it", func() bool { return r.Stats().Stuck == 1 })
	if err := os.Remove(filepath.Join(bucket, key)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "storing it too", func() bool { _, err := os.Stat(stuck); return errors.Is(err, fs.ErrNotExist) })
	eventually(t, "telling of that", func() bool { return r.Stats().Stuck == 0 })
}

// A pack that is outside already, as after a crash, is not written again; one that is
// something else there is.
func TestStoredBefore(t *testing.T) {
	for name, there := range map[string]string{"whole": "", "cut": "x"} {
		t.Run(name, func(t *testing.T) {
			dir, bucket := newDir(t), t.TempDir()
			l := openLog(t, dir)
			r := open(t, dir, l, Options{Strict: true})
			id, e := recordOne(t, r, dir, full)
			r.Close()
			path := closed(t, dir)[0]
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			sum, err := hashFile(path)
			if err != nil {
				t.Fatal(err)
			}
			object := filepath.Join(bucket, objectKey(path, sum))
			if there != "" {
				text = []byte(there)
			}
			if err := os.WriteFile(object, text, 0o600); err != nil {
				t.Fatal(err)
			}
			before := modified(t, object)
			r = open(t, dir, l, Options{Strict: true, Store: "file://" + bucket})
			eventually(t, "storing", func() bool { return r.Stats().Shipped == 1 })
			wantWhole(t, r, e, id)
			if same := modified(t, object).Equal(before); same != (there == "") {
				t.Errorf("written again: %v", !same)
			}
		})
	}
}

func modified(t *testing.T, path string) time.Time {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.ModTime()
}

// What was set aside is deleted when the time of what it may hold is over, and the log
// says so.
func TestSetAsideIsDeleted(t *testing.T) {
	dir, now := newDir(t), newClock()
	l := openLog(t, dir)
	r := open(t, dir, l, Options{Strict: true, Now: now.now})
	_, e := recordOne(t, r, dir, full)
	r.Close()
	aside := strings.TrimSuffix(closed(t, dir)[0], closedExt) + openExt
	if err := os.WriteFile(aside, []byte("no pack"), 0o600); err != nil {
		t.Fatal(err)
	}
	aside += asideExt
	now.set(e.Until.Add(-time.Second))
	r = open(t, dir, l, Options{Strict: true, Now: now.now})
	there := func() bool { _, err := os.Stat(aside); return err == nil }
	if !there() {
		t.Error("nothing was set aside, or it was deleted before its time was over")
	}
	now.set(e.Until.Add(pruneEvery))
	eventually(t, "deleting", func() bool { return !there() })
	eventually(t, "counting", func() bool { return r.Stats().Pruned == 2 })
	told := 0
	for _, a := range acts(t, dir, "prune") {
		if a.Detail == "set aside" && a.Target == e.Recording[0].Pack {
			told++
		}
	}
	if told != 1 {
		t.Errorf("told of %d times: %+v", told, acts(t, dir, "prune"))
	}
}

// A store that refuses is told before anything is recorded for it.
func TestStoreRefuses(t *testing.T) {
	dir := newDir(t)
	l := openLog(t, dir)
	_, err := Open(context.Background(), Options{Dir: dir, Key: testKey, Log: l, Logger: quiet(), Store: "file://" + t.TempDir() + "/missing"})
	if err == nil || !strings.Contains(err.Error(), "the store refuses") {
		t.Errorf("got %v", err)
	}
}

// A pack that cannot be deleted is told of once, and those behind it are deleted.
func TestOnePackIsNotDeleted(t *testing.T) {
	dir, now := newDir(t), newClock()
	l := openLog(t, dir)
	r := open(t, dir, l, Options{Strict: true, Now: now.now})
	_, e := recordOne(t, r, dir, full)
	r.Close()
	kept := filepath.Join(dir, packsFolder, strings.Repeat("0", exchangeLen)+"-0-1"+closedExt) // before all others
	if err := os.MkdirAll(filepath.Join(kept, "no pack"), 0o700); err != nil {
		t.Fatal(err)
	}
	now.set(e.Until.Add(pruneEvery))
	r = open(t, dir, l, Options{Strict: true, Now: now.now})
	eventually(t, "deleting those behind it", func() bool { return len(closed(t, dir)) == 1 && r.Stats().Pruned == 1 })
	if err := r.prune(t.Context(), now.now()); err == nil {
		t.Error("a folder that is not empty was deleted")
	}
	if got := acts(t, dir, "prune"); len(got) != 2 {
		t.Errorf("told of %+v", got)
	}
}

// What Google's store does not let be deleted is not said to be deleted.
func TestDeletingIsRefused(t *testing.T) {
	var deletable atomic.Bool
	deletable.Store(true)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		switch {
		case q.Method == http.MethodDelete && !deletable.Load():
			w.WriteHeader(http.StatusForbidden)
		case q.Method == http.MethodGet && !deletable.Load():
			io.WriteString(w, `{"items": [{"name": "held.pack", "size": "1"}]}`)
		default:
			io.WriteString(w, "{}")
		}
	}))
	defer s.Close()
	t.Setenv("STORAGE_EMULATOR_HOST", strings.TrimPrefix(s.URL, "http://"))
	dir := newDir(t)
	r := open(t, dir, openLog(t, dir), Options{Store: "gs://b"})
	if err := r.deleteOutside(context.Background(), "held.pack"); err != nil {
		t.Errorf("one that may be deleted: %v", err)
	}
	deletable.Store(false)
	if err := r.deleteOutside(context.Background(), "held.pack"); err == nil {
		t.Error("it was refused, and is said to be deleted")
	}
}
