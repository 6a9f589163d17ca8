package checkpoint

import (
	"strings"
	"testing"

	"cloakroom/internal/access"
	"cloakroom/internal/record"
	"cloakroom/internal/record/recordtest"
)

// BenchmarkTree grows a tree by batches of 500 entries, as a follower does: the
// time is that of one entry.
func BenchmarkTree(b *testing.B) {
	entries := make([]record.Entry, 500)
	for i := range entries {
		entries[i].Decision = &record.Decision{Exchange: strings.Repeat("0", 26), Path: strings.Repeat("x", 400), Outcome: access.Allow}
	}
	lines := recordtest.Lines(b, entries...)
	t, err := openTree(b.TempDir(), Checkpoint{})
	if err != nil {
		b.Fatal(err)
	}
	defer t.close()
	b.ResetTimer()
	for n := 0; n < b.N; n += len(lines) {
		if err := t.Apply(b.Context(), lines); err != nil {
			b.Fatal(err)
		}
		if err := t.Reset(b.Context()); err != nil { // the same lines follow again
			b.Fatal(err)
		}
	}
}
