package checkpoint

import (
	"bytes"
	"strings"
	"testing"
)

// FuzzReadNotes reads hostile files: what is handed over is the file, piece by
// piece and no piece long, and what opens is what was signed.
func FuzzReadNotes(f *testing.F) {
	const log = "01m8a2jbz9d3tw9wjwfhtmdm3b"
	key, v := theKey(f), theKey(f).Verifier()
	s, err := key.Sign(Checkpoint{Log: log, Size: 7})
	if err != nil {
		f.Fatal(err)
	}
	one := string(s.Note)
	for _, seed := range []string{"", one, one + one, one[:40], one + one[:40], "x\n" + one, "\n\n" + one, Origin(log), strings.Repeat("— \n", 99), one + "— a b\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		var all []byte
		whole, err := ReadNotes(bytes.NewReader(file), log, func(at int64, note []byte) error {
			if at != int64(len(all)) || len(note) == 0 || len(note) > noteMax {
				t.Fatalf("a note of %d bytes at %d, behind %d", len(note), at, len(all))
			}
			all = append(all, note...)
			if s, err := Open(note, v); err == nil && (s.Log != log || s.Size != 7) {
				t.Errorf("opened what nobody signed: %+v", s.Checkpoint)
			}
			return nil
		})
		if err == nil && (!bytes.Equal(all, file) || whole > int64(len(file))) {
			t.Errorf("handed over %d of %d bytes, %d whole", len(all), len(file), whole)
		}
	})
}

// FuzzParse reads hostile texts, which are as if they were signed.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"", Checkpoint{Log: "a", Size: 1}.Text(), "cloakroom.log/a\n-1\n\n", "cloakroom.log/a\n01\nAAAA\n", "x\n1\n\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if c, err := parse(text); err == nil && (c.Text() != text || c.Size < 0) {
			t.Errorf("read %q as %+v", text, c)
		}
	})
}
