package verify

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"cloakroom/internal/record"
)

// An act that a command left stands in the log once; those of the service have no id.
func TestAnActTwice(t *testing.T) {
	w := newWorld(t)
	id := record.NewID(noon)
	for _, again := range []bool{false, true} {
		w.append(record.Entry{Time: noon, Act: &record.Act{Name: "read", ID: id}})
		w.append(record.Entry{Time: noon, Act: &record.Act{Name: "start"}})
		r, err := Logs{Dirs: []string{w.dir}, Keys: []note.Verifier{signing(t, 1).Verifier()}, Now: noon}.Verify(t.Context())
		told := slices.ContainsFunc(r.Notes, func(n string) bool { return strings.Contains(n, id) })
		if err != nil || r.Found > 0 || told != again {
			t.Errorf("again %v: notes %q, found %d, %v", again, r.Notes, r.Found, err)
		}
	}
}
