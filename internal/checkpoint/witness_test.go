package checkpoint

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	cosignature "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/witness/persistence/inmemory"
	"github.com/transparency-dev/witness/witness"
	"gocloud.dev/blob"
	_ "gocloud.dev/blob/gcsblob" // gs://
	"gocloud.dev/blob/memblob"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"cloakroom/internal/record"
)

// realWitness serves transparency-dev's witness, which knows one log's key.
func realWitness(t *testing.T) *URL {
	t.Helper()
	private, public, err := note.GenerateKey(rand.Reader, "witness.example")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := cosignature.NewSignerForCosignatureV1(private)
	if err != nil {
		t.Fatal(err)
	}
	ours := theKey(t).Verifier()
	w, err := witness.New(context.Background(), witness.Opts{Persistence: inmemory.New(), Signers: []note.Signer{signer},
		VerifierForLog: func(context.Context, string) (note.Verifier, bool, error) { return ours, true, nil }})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /add-checkpoint", witness.NewHTTPHandler(w).AddCheckpoint)
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	u, err := NewURL(s.URL+"/", public, ours)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// witnesses are one of each kind.
func witnesses(t *testing.T) map[string]Witness {
	t.Helper()
	key := theKey(t).Verifier()
	d, err := NewDir(t.TempDir(), key)
	if err != nil {
		t.Fatal(err)
	}
	bucket := memblob.OpenBucket(nil)
	t.Cleanup(func() { bucket.Close() })
	b, err := NewBucket("mem://one?x=y", bucket, key)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]Witness{"dir": d, "bucket": b, "url": realWitness(t)}
}

func TestWitnessesTakeWhatIsSigned(t *testing.T) {
	for name, w := range witnesses(t) {
		t.Run(name, func(t *testing.T) {
			dir, o := newDir(t), Options{Witnesses: []Witness{w}}
			for size := range 4 {
				k := keep(t, dir, o, func(l *record.Log, k *Keeper) { grow(t, l, 3) })
				s := wantLatest(t, dir, int64(3*(size+1)))
				if k.Err() != nil || k.Failures() != 0 || k.Unwitnessed() != 0 {
					t.Fatalf("error %v, %d failures, %d unwitnessed", k.Err(), k.Failures(), k.Unwitnessed())
				}
				wantReceipt(t, dir, w, s.Checkpoint)
			}
			wantKept(t, w, dir, 3, 6, 9, 12)
		})
	}
}

func wantReceipt(t *testing.T, dir string, w Witness, c Checkpoint) {
	t.Helper()
	receipt, err := Receipt(ReceiptPath(dir, w.Name()))
	if err != nil {
		t.Fatal(err)
	}
	keys := []note.Verifier{theKey(t).Verifier()}
	if u, signs := w.(*URL); signs {
		keys = append(keys, u.Key())
	}
	if s, err := Open(receipt, keys...); err != nil || s.Checkpoint != c {
		t.Errorf("the receipt: %v %+v, want %+v", err, s.Checkpoint, c)
	}
}

// wantKept wants a witness, if it can be asked, to have the checkpoints of some
// sizes, and else none but those that a slow disk lets be signed on the way there.
func wantKept(t *testing.T, w Witness, dir string, sizes ...int64) {
	t.Helper()
	a, can := w.(Archive)
	if !can {
		return
	}
	id, _ := record.ID(dir)
	if logs, err := a.Logs(context.Background()); err != nil || len(logs) != 1 || logs[0] != id {
		t.Errorf("logs %q, error %v", logs, err)
	}
	err := a.Read(context.Background(), id, func(k Kept) error {
		s, err := Open(k.Note, theKey(t).Verifier())
		if err != nil || len(sizes) == 0 || s.Size > sizes[0] {
			t.Errorf("%s at %d: %v, size %d", k.File, k.Byte, err, s.Size)
		} else if s.Size == sizes[0] {
			sizes = sizes[1:]
		}
		return nil
	})
	if err != nil || len(sizes) > 0 {
		t.Errorf("error %v, left %v", err, sizes)
	}
}

// TestWitnessesRefuseWhatWasRolledBack rolls a log back with all that lies
// beside it, and goes on differently.
func TestWitnessesRefuseWhatWasRolledBack(t *testing.T) {
	for name, w := range witnesses(t) {
		t.Run(name, func(t *testing.T) {
			dir, o := newDir(t), Options{Witnesses: []Witness{w}}
			keep(t, dir, o, func(l *record.Log, k *Keeper) { grow(t, l, 3) })
			earlier := t.TempDir()
			if err := os.CopyFS(filepath.Join(earlier, "log"), os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(filepath.Join(earlier, "log"), 0o700); err != nil {
				t.Fatal(err)
			}
			keep(t, dir, o, func(l *record.Log, k *Keeper) { grow(t, l, 4) })
			again := again(t, w)
			k := keep(t, filepath.Join(earlier, "log"), Options{Witnesses: []Witness{again}}, func(l *record.Log, k *Keeper) { grow(t, l, 9) })
			if k.Failures() == 0 || k.Unwitnessed() != 9 {
				t.Errorf("it was taken: %d failures, %d unwitnessed", k.Failures(), k.Unwitnessed())
			}
			wantKept(t, w, dir, 3, 7)
		})
	}
}

// TestTaken asks a witness how far it has taken a log.
func TestTaken(t *testing.T) {
	u, dir := realWitness(t), newDir(t)
	keep(t, dir, Options{Witnesses: []Witness{u}}, func(l *record.Log, _ *Keeper) { grow(t, l, 3) })
	first := wantLatest(t, dir, 3)
	if n, err := u.Taken(t.Context(), first); n != 3 || err != nil {
		t.Errorf("got %d, %v", n, err)
	}
	other, err := theKey(t).Sign(Checkpoint{first.Log, 3, tlog.Hash{1}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := u.Taken(t.Context(), other); !errors.Is(err, ErrRewritten) {
		t.Errorf("another root: %v", err)
	}
	keep(t, dir, Options{Witnesses: []Witness{u}}, func(l *record.Log, _ *Keeper) { grow(t, l, 3) })
	if n, err := u.Taken(t.Context(), first); n != 6 || err != nil {
		t.Errorf("more than that: got %d, %v", n, err)
	}
}

// again is the same witness as another process has it.
func again(t *testing.T, w Witness) Witness {
	t.Helper()
	var err error
	switch x := w.(type) {
	case *Dir:
		w, err = NewDir(x.path, x.key)
	case *Bucket:
		w, err = NewBucket(x.name, x.bucket, x.key)
	}
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// TestAWitnessIsToldAgain lets witnesses fail for a time.
func TestAWitnessIsToldAgain(t *testing.T) {
	w := &flaky{Witness: witnesses(t)["url"]}
	w.down.Store(true)
	dir := newDir(t)
	keep(t, dir, Options{Every: 10 * time.Millisecond, Witnesses: []Witness{w}}, func(l *record.Log, k *Keeper) {
		grow(t, l, 3)
		eventually(t, "a failure", func() bool { return k.Failures() > 1 })
		if k.Err() != nil || k.Unwitnessed() != 3 {
			t.Errorf("error %v, %d unwitnessed", k.Err(), k.Unwitnessed())
		}
		w.down.Store(false)
		eventually(t, "taken", func() bool { return k.Unwitnessed() == 0 })
	})
}

// TestADirCutsWhatWasTorn leaves half a note, as a crash does.
func TestADirCutsWhatWasTorn(t *testing.T) {
	for cut := 1; cut < 170; cut += 13 {
		w := witnesses(t)["dir"].(*Dir)
		dir := newDir(t)
		keep(t, dir, Options{Witnesses: []Witness{w}}, func(l *record.Log, k *Keeper) { grow(t, l, 3) })
		id, _ := record.ID(dir)
		b, err := os.ReadFile(w.file(id))
		if err != nil || len(b) < 170 {
			t.Fatal(len(b), err)
		}
		if err := os.WriteFile(w.file(id), append(b, b[:cut]...), 0o644); err != nil {
			t.Fatal(err)
		}
		keep(t, dir, Options{Witnesses: []Witness{again(t, w)}}, func(l *record.Log, k *Keeper) { grow(t, l, 1) })
		wantKept(t, w, dir, 3, 4)
	}
}

func TestWitnessesAreNotMadeOfNothing(t *testing.T) {
	key := theKey(t).Verifier()
	for name, err := range map[string]error{
		"folder": second(NewDir("", key)), "folder's key": second(NewDir("x", nil)), "bucket": second(NewBucket("x", nil, key)),
		"url": second(NewURL("nowhere", theKey(t).String(), key)), "url's key": second(NewURL("http://w", "x", key)),
	} {
		if err == nil {
			t.Error(name)
		}
	}
	d, err := NewDir(filepath.Join(t.TempDir(), "unmounted"), key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Add(context.Background(), Signed{Checkpoint: Checkpoint{Log: "x"}}, Checkpoint{}, &Tree{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a folder that is not there: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

// flaky is a witness that can be down.
type flaky struct {
	Witness
	down atomic.Bool
}

func (f *flaky) Add(ctx context.Context, c Signed, last Checkpoint, log History) ([]byte, error) {
	if f.down.Load() {
		return nil, errors.New("down")
	}
	return f.Witness.Add(ctx, c, last, log)
}

// TestAWitnessThatHangs keeps nothing from being signed when the log ends.
func TestAWitnessThatHangs(t *testing.T) {
	dir := newDir(t)
	hung := make(chan struct{})
	k := keep(t, dir, Options{Every: time.Millisecond, Witnesses: []Witness{hanging{hung}}}, func(l *record.Log, k *Keeper) {
		grow(t, l, 1)
		<-hung // in the first step that has something to tell
		grow(t, l, 5)
	})
	wantLatest(t, dir, 6)
	if k.Unwitnessed() != 6 || k.Failures() == 0 {
		t.Errorf("%d unwitnessed, %d failures", k.Unwitnessed(), k.Failures())
	}
}

// hanging is a witness that answers when nobody waits any more.
type hanging struct{ hung chan struct{} }

func (hanging) Name() string { return "hanging" }

func (h hanging) Add(ctx context.Context, c Signed, _ Checkpoint, _ History) ([]byte, error) {
	if c.Size == 1 {
		close(h.hung)
	}
	<-ctx.Done()
	return nil, ctx.Err()
}

// A store that is down is an error, also where its driver would wait for it without end.
func TestBucketThatIsDown(t *testing.T) {
	t.Setenv("STORAGE_EMULATOR_HOST", "127.0.0.1:1") // nobody listens
	opened, err := blob.OpenBucket(t.Context(), "gs://b")
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	b, err := NewBucket("gs://b", opened, theKey(t).Verifier())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Logs(t.Context()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}
