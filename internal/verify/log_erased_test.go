package verify

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"cloakroom/internal/checkpoint"
	"cloakroom/internal/record"
	"cloakroom/internal/record/recordtest"
	"cloakroom/internal/recording"
)

// recordedExchange is an exchange that a log has the end of.
type recordedExchange struct {
	id    string
	parts []record.Part
}

// recordedIn are the exchanges whose ends the log in dir has, in order.
func recordedIn(t *testing.T, dir string) (all []recordedExchange) {
	t.Helper()
	lines, err := record.ReadAfter(dir, record.Position{})
	if err != nil {
		t.Fatal(err)
	}
	defer lines.Close()
	for {
		l, err := lines.Next()
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, err := l.Entry(); err == nil && e.End != nil {
			all = append(all, recordedExchange{e.End.Exchange, e.End.Recording})
		}
	}
}

// signedAct is an act as the instance of the seed signs it.
func signedAct(t *testing.T, seed byte, a record.Act) record.Act {
	t.Helper()
	key, err := checkpoint.NewKey([32]byte{seed})
	if err == nil {
		a.Sig, err = key.SignBare(recording.ErasureText(a))
	}
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// writes appends entries to the log in dir, signed by the instance.
func writes(t *testing.T, dir string, do func(enter func(record.Act) error)) {
	t.Helper()
	writesAs(t, dir, 7, do)
}

// writesAs appends entries to the log in dir, signed by the instance of a seed.
func writesAs(t *testing.T, dir string, seed byte, do func(enter func(record.Act) error)) {
	t.Helper()
	l, err := record.Open(dir, recordtest.Masker(t), record.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	do(func(a record.Act) error {
		a = signedAct(t, seed, a)
		return l.Append(context.Background(), record.Entry{Act: &a})
	})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

// erases lets the log say that an exchange is erased, and erases another, or the same.
func erases(t *testing.T, dir, says string, x recordedExchange) {
	t.Helper()
	erasesAs(t, dir, 7, says, x)
}

// erasesAs is erases of the instance of a seed.
func erasesAs(t *testing.T, dir string, seed byte, says string, x recordedExchange) {
	t.Helper()
	packs, err := recording.OpenReader(context.Background(), dir, [32]byte{1}, "")
	if err != nil {
		t.Fatal(err)
	}
	defer packs.Close()
	writesAs(t, dir, seed, func(enter func(record.Act) error) {
		err := enter(record.Act{Name: "erase", Exchange: says, By: "cli:ann@ops1"})
		if err == nil {
			_, err = packs.Erase(context.Background(), []recording.Erasure{{Exchange: x.id, Parts: x.parts}}, enter)
		}
		if err != nil {
			t.Fatal(err)
		}
	})
}

// changes changes a pack's file.
func changes(t *testing.T, path string, change func([]byte)) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	change(raw)
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
}

const sealedAt = 42 // of a part: what is before is its header

// What was erased is no finding where an act names its exchange, and is one where none
// does. All else in the pack is compared as before.
func TestLogJudgesErasures(t *testing.T) {
	for _, c := range []struct {
		name          string
		do            func(t *testing.T, dir, path string, xs []recordedExchange)
		erased, parts int
		want          string // of a finding; empty: there is none
		note          string
	}{
		{"erased", func(t *testing.T, dir, _ string, xs []recordedExchange) { erases(t, dir, xs[1].id, xs[1]) }, 1, 2, "", ""},
		{"twice", func(t *testing.T, dir, _ string, xs []recordedExchange) {
			erases(t, dir, xs[1].id, xs[1])
			erases(t, dir, xs[1].id, xs[1])
			erases(t, dir, xs[0].id, xs[0])
		}, 2, 1, "", ""},
		{"by a hand in the file", func(t *testing.T, _, path string, xs []recordedExchange) {
			p := xs[1].parts[0]
			changes(t, path, func(raw []byte) { clear(raw[p.At+sealedAt : p.At+p.Size]) })
		}, 0, 2, "was erased", ""},
		{"as an act says that the instance did not sign", func(t *testing.T, dir, _ string, xs []recordedExchange) {
			erasesAs(t, dir, 8, xs[1].id, xs[1])
		}, 0, 2, "has no signature of the instance", ""},
		{"with the signature of another erasure", func(t *testing.T, dir, _ string, xs []recordedExchange) {
			erasesAs(t, dir, 8, xs[1].id, xs[1])
			a := signedAct(t, 7, record.Act{Name: "erase", Exchange: xs[0].id})
			a.Exchange = xs[1].id
			l, err := record.Open(dir, recordtest.Masker(t), record.Options{Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			l.Note(record.Entry{Act: &a})
			l.Close()
		}, 0, 2, "was erased", ""},
		{"another than the log says", func(t *testing.T, dir, _ string, xs []recordedExchange) { erases(t, dir, xs[0].id, xs[1]) }, 0, 2, "was erased", ""},
		{"one more than the log says", func(t *testing.T, dir, path string, xs []recordedExchange) {
			erases(t, dir, xs[1].id, xs[1])
			p := xs[2].parts[0]
			changes(t, path, func(raw []byte) { clear(raw[p.At+sealedAt : p.At+p.Size]) })
		}, 1, 1, "not what it was", ""},
		{"under the name of what the log says", func(t *testing.T, dir, path string, xs []recordedExchange) {
			erases(t, dir, xs[1].id, xs[1])
			p := xs[2].parts[0]
			changes(t, path, func(raw []byte) {
				clear(raw[p.At+sealedAt : p.At+p.Size])
				copy(raw[p.At+8:], xs[1].id)
			})
		}, 1, 1, "was erased", ""},
		{"and a byte of its header changed", func(t *testing.T, dir, path string, xs []recordedExchange) {
			erases(t, dir, xs[1].id, xs[1])
			changes(t, path, func(raw []byte) { raw[xs[1].parts[0].At+sealedAt-1] ^= 1 })
		}, 1, 2, "not what it was", ""},
		{"and a byte elsewhere changed", func(t *testing.T, dir, path string, xs []recordedExchange) {
			erases(t, dir, xs[1].id, xs[1])
			changes(t, path, func(raw []byte) { raw[xs[2].parts[0].At+sealedAt] ^= 1 })
		}, 1, 1, "its hash is another", ""},
		{"said, and not begun", func(t *testing.T, dir, _ string, xs []recordedExchange) {
			writes(t, dir, func(enter func(record.Act) error) { enter(record.Act{Name: "erase", Exchange: xs[1].id}) })
		}, 0, 3, "", "1 parts that are erased"},
		{"put back", func(t *testing.T, dir, path string, xs []recordedExchange) {
			whole, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			erases(t, dir, xs[1].id, xs[1])
			changes(t, path, func(raw []byte) { copy(raw, whole) })
		}, 0, 3, "", "somebody put them back"},
		{"half of it", func(t *testing.T, dir, path string, xs []recordedExchange) {
			whole, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			erases(t, dir, xs[1].id, xs[1])
			p := xs[1].parts[0]
			half := p.At + (sealedAt+p.Size)/2
			changes(t, path, func(raw []byte) { copy(raw[half:p.At+p.Size], whole[half:]) })
		}, 0, 2, "", "has not come to its end"},
		{"deleted, and said to be erased", func(t *testing.T, dir, path string, xs []recordedExchange) {
			for _, x := range xs {
				erases(t, dir, x.id, x)
			}
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}, 0, 0, "not kept any more", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, path := recordedLog(t)
			c.do(t, dir, path, recordedIn(t, dir))
			report := verifiesParts(t, dir)
			var found, notes bytes.Buffer
			for _, f := range report.Findings {
				if strings.Contains(f.What, "pack") {
					found.WriteString(f.What + "\n")
				}
			}
			notes.WriteString(strings.Join(report.Notes, "\n"))
			if report.Erased != c.erased || report.Parts != c.parts || c.want == "" && found.Len() > 0 ||
				!strings.Contains(found.String(), c.want) || !strings.Contains(notes.String(), c.note) {
				t.Errorf("%d erased, %d parts, found %q, notes %q", report.Erased, report.Parts, &found, &notes)
			}
		})
	}
}

// verifiesParts verifies the log in dir with what is recorded beside it.
func verifiesParts(t *testing.T, dir string) LogReport {
	t.Helper()
	key, err := checkpoint.NewKey([32]byte{7})
	if err != nil {
		t.Fatal(err)
	}
	packs, err := recording.OpenReader(context.Background(), dir, [32]byte{}, "")
	if err != nil {
		t.Fatal(err)
	}
	defer packs.Close()
	report, err := Logs{Dirs: []string{dir}, Keys: []note.Verifier{key.Verifier()}, Now: time.Now(),
		Parts: map[string]Parts{dir: packs}}.Verify(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// Who was led to erase another's exchange is told: the act says of which session it was.
func TestLogFindsWhatIsErasedAsAnothers(t *testing.T) {
	for _, c := range []struct {
		act   record.Act
		found bool
	}{
		{record.Act{Session: "s1", Principal: "https://idp.example#ann"}, false},
		{record.Act{Session: "s[masked]", Principal: "https://idp.example#ann"}, false},
		{record.Act{Session: "s2", Principal: "https://idp.example#ann"}, true},
		{record.Act{Session: "s1", Principal: "https://idp.example#bob"}, true},
	} {
		dir, _ := recordedLog(t)
		l, err := record.Open(dir, recordtest.Masker(t), record.Options{Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		c.act.Name, c.act.Exchange = "erase", record.NewID(time.Now())
		c.act = signedAct(t, 7, c.act)
		decision := &record.Decision{Exchange: c.act.Exchange, Issuer: "https://idp.example", Subject: "ann", Session: "s1"}
		for _, e := range []record.Entry{{Decision: decision}, {Act: &c.act}} {
			if err := l.Append(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		}
		l.Close()
		report := verifiesParts(t, dir)
		if found := strings.Contains(strings.Join(whats(report), "\n"), "is erased as one of"); found != c.found {
			t.Errorf("%+v: found %q", c.act, whats(report))
		}
	}
}

// Rules are never erased, whatever an act names.
func TestLogJudgesErasedRules(t *testing.T) {
	dir, path := recordedLog(t)
	xs := recordedIn(t, dir)
	p := xs[1].parts[0]
	l, err := record.Open(dir, recordtest.Masker(t), record.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Append(context.Background(), record.Entry{Reload: &record.Reload{Rules: []record.Part{p}}}); err != nil {
		t.Fatal(err)
	}
	l.Close()
	erases(t, dir, xs[1].id, xs[1])
	report := verifiesParts(t, dir)
	n := 0
	for _, f := range report.Findings {
		if strings.Contains(f.What, "was erased") {
			n++
		}
	}
	if n != 1 || report.Erased != 1 {
		t.Errorf("found %+v in %s", report.Findings, path)
	}
}

// A session of which something was erased is judged by what is left, and nobody is
// accused of what an act says.
func TestSessionsJudgeErasures(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error  // of reading it
		says string // the exchange that an act names
		want SessionReport
		what What // of the one finding; empty: there is none
	}{
		{"erased", recording.ErrErased, "e1", SessionReport{Erased: 1}, ""},
		{"not finished", recording.ErrBroken, "e1", SessionReport{ToErase: 1}, ""},
		{"not begun", nil, "e1", SessionReport{ToErase: 1, Recorded: 1}, ""},
		{"no act", recording.ErrErased, "", SessionReport{}, Changed},
		{"nobody's act", recording.ErrErased, "-e1", SessionReport{}, Changed},
		{"another's act", recording.ErrErased, "e2", SessionReport{}, Changed},
		{"taken away", recording.ErrGone, "e1", SessionReport{}, Unrecorded},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.lease(noon, "active", "")
			w.happen(noon.Add(time.Minute), usual("e1"))
			w.gone["e1"] = c.err
			id, unsigned := strings.CutPrefix(c.says, "-")
			act := signedAct(t, 1, record.Act{Name: "erase", Exchange: id, Target: "pack"})
			if unsigned {
				act.Sig = nil
			}
			w.append(record.Entry{Act: &act})
			got := w.verify(nil)
			if got.Erased != c.want.Erased || got.ToErase != c.want.ToErase || got.Recorded != c.want.Recorded ||
				got.Found != len(got.Findings) || (c.what == "") != (got.Found == 0) || got.Found > 0 && got.Findings[0].What != c.what {
				t.Errorf("got %+v", got)
			}
			if c.what == "" && c.err != nil && got.Trusted == 0 {
				t.Error("what is not there is not said to rest on the masker's word")
			}
		})
	}
}
