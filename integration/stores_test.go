package integration

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// stored is a world whose recordings and checkpoints go to an object store.
type stored struct {
	*masking
	out   *outside
	large []byte // what the backend answers at /v1/large
	asked int    // exchanges of the session "s1", all of which are allowed
}

func newStored(t *testing.T, make func(*world) *outside) *stored {
	t.Helper()
	s := &stored{large: make12MiB(t)}
	s.masking = newMasking(t, map[string]http.HandlerFunc{
		"/v1/x": func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "you sent "+r.Header.Get("authorization"))
		},
		"/v1/large": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("content-type", "application/octet-stream")
			w.Write(s.large)
		},
	})
	s.up.stop(t)
	s.out = make(s.world)
	s.out.start(s.world)
	return s
}

// make12MiB are bytes that do not get smaller: what holds them goes up in pieces.
func make12MiB(t *testing.T) []byte {
	t.Helper()
	b := make([]byte, 12<<20)
	if _, err := rand.Read(b); err != nil {
		t.Fatal(err)
	}
	return b
}

// ask is an exchange of the session "s1".
func (s *stored) ask(path string) string {
	s.asked++
	_, body := s.get("/api/v1/"+path, append([]string{"x-cloakroom-session", "s1"}, s.agent...)...)
	return body
}

// code is that of the refusal of an exchange, of another session.
func (s *stored) code() string {
	_, body := s.get("/api/v1/x", append([]string{"x-cloakroom-session", "s2"}, s.agent...)...)
	return errorCode(body)
}

// eventually waits longer than others: what a store did not take is tried again after a
// minute at most, and drivers have waits of their own.
func (s *stored) eventually(what string, is func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(4 * time.Minute); !is(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("%s: it never came", what)
		}
	}
}

// objects are the names of what there is in a bucket, probes aside.
func (s *stored) objects(bucket string) []string {
	s.t.Helper()
	names, err := s.out.list(bucket)
	if err != nil {
		s.t.Fatal(err)
	}
	return slices.DeleteFunc(names, func(n string) bool { return strings.HasSuffix(n, ".probe") })
}

// packs are the closed packs that wait here.
func (s *stored) packs() int {
	s.t.Helper()
	paths, err := filepath.Glob(s.path("record/packs/*.pack"))
	if err != nil {
		s.t.Fatal(err)
	}
	return len(paths)
}

// TestObjectStores sends strict recordings and checkpoints to each object store.
func TestObjectStores(t *testing.T) {
	t.Parallel()
	for name, make := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStored(t, make)
			good := s.env
			s.isRefused(t)
			s.env = append(slices.Clone(good), s.out.env...)
			s.goesOutside(t)
			s.isReadElsewhere(t)
			s.isDeletedInTime(t)
			s.isWitnessed(t)
			s.isAway(t)
			s.isErased(t)
			s.isWrittenOnce(t)
		})
	}
}

// isRefused wants a bucket that is not there, or not for these credentials, to be told
// at the start, with what would work.
func (s *stored) isRefused(t *testing.T) {
	t.Helper()
	line := func(recordings, witness string) string {
		return fmt.Sprintf("record: {store: %q, bodies: 16MiB, backlog: 1MiB, checkpoint: {every: 1s, witnesses: [{bucket: %q}]}}\n", s.out.url(recordings), s.out.url(witness))
	}
	right := line("recordings", "witness")
	s.rewrite("listen: {", right+"listen: {")
	base := s.env
	refused := func(what, config string, env []string) {
		t.Helper()
		s.rewrite(right, config)
		defer s.rewrite(config, right)
		for _, arguments := range [][]string{{"check", "--buckets"}, {"serve"}} {
			_, stderr, code := command(t, s.dir, append(slices.Clone(base), env...), arguments...)
			if code == 0 || !strings.Contains(stderr, "the store refuses") || !strings.Contains(stderr, "\nhint: ") || strings.Count(stderr, "\n") > 8 {
				t.Errorf("%s: %v: exit %d: %s", what, arguments, code, stderr)
			}
			page(stderr)
		}
	}
	refused("no such bucket", line("missing", "witness"), s.out.env)
	refused("no such witness", line("recordings", "missing"), s.out.env)
	if s.out.wrong != nil {
		refused("wrong credentials", right, s.out.wrong)
	}
	if stdout, stderr, code := command(t, s.dir, append(slices.Clone(base), s.out.env...), "check", "--buckets"); code != 0 {
		t.Errorf("check --buckets: exit %d: %s%s", code, stdout, stderr)
	}
}

// goesOutside wants every closed pack to be in the store, and none here.
func (s *stored) goesOutside(t *testing.T) {
	t.Helper()
	s.start()
	for range 3 {
		if body := s.ask("x"); !strings.Contains(body, s.placeholder) {
			t.Errorf("got %q", body)
		}
	}
	if body := s.ask("large"); body != string(s.large) {
		t.Error("the large body came as another")
	}
	s.session(t, "s1", s.asked, true)
	s.up.stop(t) // closes the pack
	s.start()
	s.eventually("the packs are stored", func() bool { return len(s.objects("recordings")) > 0 && s.packs() == 0 })
	largest := 0
	for _, object := range s.objects("recordings") {
		text, err := s.out.get("recordings", object)
		if err != nil || !strings.Contains(object, fmt.Sprintf("%x", sha256.Sum256(text))) {
			t.Errorf("%q has %d bytes, and not those that it is named after: %v", object, len(text), err)
		}
		largest = max(largest, len(text))
	}
	if largest < len(s.large) {
		t.Errorf("the largest pack has %d bytes", largest)
	}
}

// isReadElsewhere reads the session on a machine that has none of the packs.
func (s *stored) isReadElsewhere(t *testing.T) {
	t.Helper()
	s.up.stop(t)
	there := *s.world
	there.dir = t.TempDir()
	copyPrivate(t, s.dir, there.path("all"))
	there.dir = there.path("all")
	if err := os.RemoveAll(there.path("record/packs")); err != nil {
		t.Fatal(err)
	}
	for _, arguments := range [][]string{{"session", "show", "s1"}, {"session", "replay", "s1", "--speed", "0"}} {
		stdout, stderr, code := command(t, there.dir, there.env, arguments...)
		if code != 0 || strings.Count(stdout, "you sent Bearer "+s.placeholder) != 3 {
			t.Errorf("%q elsewhere: exit %d: %s%s", arguments, code, stdout, stderr)
		}
		page(stdout, stderr)
	}
	large := s.session(t, "s1", s.asked, true)[s.asked-1].Decision.Decision.Exchange
	stdout, stderr, code := command(t, there.dir, there.env, "session", "show", large, "--body", "got")
	if code != 0 || !bytes.Equal([]byte(stdout), s.large) {
		t.Errorf("the large body elsewhere: exit %d, %d bytes: %s", code, len(stdout), stderr)
	}
}

// copyPrivate copies a folder, for nobody else to read.
func copyPrivate(t *testing.T, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(to, func(path string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chmod(path, map[bool]os.FileMode{true: 0o700, false: 0o600}[e.IsDir()])
	})
	if err != nil {
		t.Fatal(err)
	}
}

// isDeletedInTime puts a pack in the store whose time is over, and wants it to be
// deleted, and the log to say so; not those whose time is not.
func (s *stored) isDeletedInTime(t *testing.T) {
	t.Helper()
	id := strings.Repeat("0", 26)
	old := fmt.Sprintf("%s-%d-3600-%064d.pack", id, time.Now().Add(-24*time.Hour).Unix(), 1)
	if err := s.out.put("recordings", old, []byte("a pack")); err != nil {
		t.Fatal(err)
	}
	before := s.objects("recordings")
	s.start()
	s.eventually("the old pack is deleted", func() bool { return !slices.Contains(s.objects("recordings"), old) })
	if after := s.objects("recordings"); len(after) < len(before)-1 {
		t.Errorf("of %q there are %q", before, after)
	}
	s.eventually("the log says so", func() bool {
		text, err := os.ReadFile(s.logs(t))
		return err == nil && strings.Contains(string(text), `"act":{"name":"prune","target":"`+id)
	})
}

// logs is the log's first segment.
func (s *stored) logs(t *testing.T) string {
	t.Helper()
	paths, err := filepath.Glob(s.path("record/*.log"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no log: %v", err)
	}
	return paths[0]
}

// isWitnessed wants the bucket to have what was signed, and a log that was rolled back
// whole to be found.
func (s *stored) isWitnessed(t *testing.T) {
	t.Helper()
	s.ask("x")
	s.session(t, "s1", s.asked, true)
	s.up.stop(t)
	if r := s.logVerify(t, 0); r.Found != 0 || r.Witnessed < 2 {
		t.Errorf("what was signed: %+v", r)
	}
	copyPrivate(t, s.path("record"), s.path("before"))
	s.start()
	s.ask("x")
	s.session(t, "s1", s.asked, true)
	s.up.stop(t)
	if err := os.Rename(s.path("record"), s.path("after")); err != nil {
		t.Fatal(err)
	}
	copyPrivate(t, s.path("before"), s.path("record"))
	if r := s.logVerify(t, 1); r.Found == 0 {
		t.Errorf("a log that was rolled back: %+v", r)
	}
	if err := os.RemoveAll(s.path("record")); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(s.path("after"), s.path("record")); err != nil {
		t.Fatal(err)
	}
}

// isErased erases an exchange whose pack is in the store while the service runs.
func (s *stored) isErased(t *testing.T) {
	t.Helper()
	first := s.session(t, "s1", s.asked, true)[0].Decision.Decision.Exchange
	stdout, stderr, code := command(t, s.dir, s.env, "session", "erase", first, "--reason", "a test", "--yes")
	if code != 0 {
		t.Fatalf("session erase: exit %d: %s%s", code, stdout, stderr)
	}
	if stdout, _, _ := command(t, s.dir, s.env, "session", "show", first); strings.Contains(stdout, "you sent") || !strings.Contains(stdout, "erased") {
		t.Errorf("what was erased: %s", stdout)
	}
	if stdout, stderr, code := command(t, s.dir, s.env, "log", "verify"); code != 0 {
		t.Errorf("log verify: exit %d: %s%s", code, stdout, stderr)
	}
}

// isWrittenOnce puts other objects where the next checkpoints would go, and wants them to
// stay as they are, and the service and a verifier to tell of it.
func (s *stored) isWrittenOnce(t *testing.T) {
	t.Helper()
	taken := s.objects("witness")
	slices.Sort(taken)
	last := taken[len(taken)-1]
	log, digits, _ := strings.Cut(last, "/")
	var size int
	if _, err := fmt.Sscanf(digits, "%d", &size); err != nil {
		t.Fatal(err)
	}
	var names []string
	for i := range 50 {
		name := fmt.Sprintf("%s/%020d", log, size+1+i)
		names = append(names, name)
		if err := s.out.put("witness", name, []byte("another")); err != nil {
			t.Fatal(err)
		}
	}
	s.ask("x")
	s.eventually("the service tells of it", func() bool { return strings.Contains(s.up.out.String(), "has taken another checkpoint") })
	for _, name := range names {
		if text, err := s.out.get("witness", name); err != nil || string(text) != "another" {
			t.Errorf("%q was written twice: %q %v", name, text, err)
		}
	}
	s.up.stop(t)
	if r := s.logVerify(t, 1); r.Found < len(names) {
		t.Errorf("what was planted: %+v", r)
	}
}

// isAway ends the store. Exchanges go on until more waits than may, none begins then,
// and when the store is back nothing is lost.
func (s *stored) isAway(t *testing.T) {
	t.Helper()
	s.start()
	s.out.process.stop(t)
	s.ask("x")
	s.ask("large")
	s.session(t, "s1", s.asked, true)
	s.up.stop(t)
	s.start() // the store is silent, and that does not hold it up
	s.eventually("too much waits", func() bool { return s.code() == "unavailable" })
	if _, body := s.get("/api/v1/x", s.agent...); !strings.Contains(body, "record") {
		t.Errorf("the refusal does not say why: %s", body)
	}
	s.out.start(s.world)
	s.eventually("what waited is stored", func() bool { return s.packs() == 0 })
	s.eventually("exchanges begin again", func() bool { return s.code() == "" })
	all := s.session(t, "s1", s.asked, true)
	for _, x := range all {
		if x.Decision.Decision.Outcome == "allow" && (x.End == nil || len(x.End.End.Recording) == 0 || x.End.End.Lost) {
			t.Errorf("an exchange without a recording: %+v", x)
		}
	}
	if stdout, stderr, code := command(t, s.dir, s.env, "session", "verify", "s1"); code != 0 {
		t.Errorf("session verify: exit %d: %s%s", code, stdout, stderr)
	}
}
