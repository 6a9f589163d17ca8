package verify

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"cloakroom/internal/checkpoint"
)

// FuzzLogs reads a hostile log, with hostile files beside it: it gives findings,
// and is taken for clean only where every byte is that of the one that was signed.
func FuzzLogs(f *testing.F) {
	w := newLogWorld(f)
	segment, note0, tree, id := filepath.Join(w.one, "00000000000000000001.log"), checkpoint.LatestPath(w.one), filepath.Join(w.one, "tree"), filepath.Join(w.one, "id")
	entries := w.pristine[segment]
	f.Add(entries, w.pristine[note0], w.pristine[tree], w.pristine[id])
	f.Add([]byte("{}\n"), []byte("x"), []byte{}, w.pristine[id])
	f.Add(entries[:len(entries)/2], w.pristine[note0], w.pristine[tree], w.pristine[id])
	f.Add(append([]byte(`{"v":1,"seq":18446744073709551615,"prev":"`), entries...), w.pristine[note0], w.pristine[tree], w.pristine[id])
	keys := []note.Verifier{w.key.Verifier()}
	f.Fuzz(func(t *testing.T, log, msg, leaves, name []byte) {
		dir := t.TempDir()
		for file, b := range map[string][]byte{filepath.Base(segment): log, "checkpoint": msg, "tree": leaves, "id": name} {
			if err := os.WriteFile(filepath.Join(dir, file), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		r, err := Logs{Dirs: []string{dir}, Keys: keys, Now: time.Now()}.Verify(context.Background())
		if err != nil || r.Found == 0 { // a whole log is never in one segment here
			t.Errorf("found %d, %v", r.Found, err)
		}
	})
}
