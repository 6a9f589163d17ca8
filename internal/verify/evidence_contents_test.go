package verify

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"cloakroom/internal/access"
	"cloakroom/internal/record"
	"cloakroom/internal/recording"
	"cloakroom/internal/search"
)

// parts are a transcript as package recording writes it, in one part.
func parts(t testing.TB, x recording.Transcript) [][]byte {
	t.Helper()
	var b bytes.Buffer
	line := func(fields map[string]any, data []byte) {
		if fields["data"] = len(data); len(data) > 0 {
			data = append(bytes.Clone(data), '\n')
		}
		text, err := json.Marshal(fields)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(append(text, '\n'), data...))
	}
	line(map[string]any{"v": 1, "exchange": x.Exchange, "part": 0}, nil)
	for _, e := range x.Events {
		fields := map[string]any{"kind": e.Kind}
		if h := e.Head; h != nil {
			pairs := [][2]any{}
			for _, header := range h.Headers {
				pairs = append(pairs, [2]any{header.Name, plainText(header.Value)})
			}
			fields["method"], fields["authority"], fields["path"], fields["status"], fields["headers"] = h.Method, h.Authority, h.Path, h.Status, pairs
		}
		line(fields, e.Data)
	}
	sums := func(s recording.Sum) map[string]any {
		return map[string]any{"bytes": s.Bytes, "kept": s.Kept, "sha256": s.SHA256.String()}
	}
	if x.Complete {
		line(map[string]any{"kind": "end", "sent": sums(x.Sent), "got": sums(x.Got)}, nil)
	}
	return [][]byte{b.Bytes()}
}

// plainText is how a text stands in a part.
func plainText(s string) any {
	if utf8.ValidString(s) {
		return s
	}
	return []string{base64.StdEncoding.EncodeToString([]byte(s))}
}

// withContents lets the evidence hold what is recorded.
func (w *world) withContents(e Evidence) Evidence {
	e.Contents = func(_ context.Context, _ string, end *record.End) ([]byte, error) {
		return []byte("what " + end.Exchange + " said\n"), nil
	}
	e.Recorded = func(_ context.Context, dir string, end *record.End) ([][]byte, error) {
		x, there := w.tapes[end.Exchange]
		if !there || dir != w.dir {
			return nil, nil
		}
		return parts(w.t, x), nil
	}
	return e
}

// audited checks evidence with values to search for, under names of the auditor's.
func (w *world) audited(e Evidence, values ...string) Checked {
	w.t.Helper()
	other := search.NewKey([32]byte{77})
	var prints []search.Fingerprint
	for _, v := range values {
		prints = append(prints, other.Fingerprint("given", []byte(v)))
	}
	s, err := other.Compile(prints)
	if err != nil {
		w.t.Fatal(err)
	}
	c, err := Auditor{Key: e.Key.Verifier(), Values: s}.Read(w.t.Context(), bytes.NewReader(w.written(e)))
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// TestContentsAreSearched harms what is recorded, has the maker say that nothing is
// wrong, and searches the file for the values.
func TestContentsAreSearched(t *testing.T) {
	for _, tt := range harms {
		if tt.what != Leak && tt.what != Kept || strings.Contains(tt.name, "rules") {
			continue
		}
		t.Run(tt.name, func(t *testing.T) {
			w := tt.world(t)
			e := w.withContents(w.evidence())
			honest := w.audited(e, value, former)
			if j := honest.Judged; len(j.Unsaid) > 0 || j.Recorded != 1 || j.Searched != e.Report.Searched || j.Searched == 0 {
				t.Errorf("an honest report: %+v", honest)
			}
			found := e.Report.Findings
			e.Report.Findings, e.Report.Found = nil, 0
			got := w.audited(e, value, former).Judged.Unsaid
			if len(got) != len(found) || len(got) == 0 {
				t.Fatalf("found %v, want %v", got, found)
			}
			for i, f := range got {
				if f.place() != found[i].place() || f.Credential != "given" {
					t.Errorf("found %s, want %s", f, found[i])
				}
			}
			if got := w.audited(e, "another value than those").Judged.Unsaid; len(got) > 0 {
				t.Errorf("another value is found: %v", got)
			}
			if j := w.checked(e).Judged; len(j.Unsaid) > 0 || j.Searched > 0 || j.Recorded != 1 {
				t.Errorf("without values: %+v", j)
			}
		})
	}
}

// TestContentsAreHashed compares bodies with the hash that was taken when they were
// delivered.
func TestContentsAreHashed(t *testing.T) {
	w := newWorld(t)
	w.lease(noon, "active", "")
	c := usual("e1")
	w.happen(noon.Add(time.Minute), c)
	e := w.withContents(w.evidence())
	if j := w.checked(e).Judged; len(j.Unsaid) > 0 || j.Recorded != 1 {
		t.Errorf("got %+v", j)
	}
	c.tape.Events[2].Data = bytes.Replace(c.tape.Events[2].Data, []byte("octocat"), []byte("nobody!"), 1)
	w.tapes["e1"] = c.tape
	if got := w.checked(e).Judged.Unsaid; len(got) != 1 || got[0].What != Changed || got[0].Where != "response body" {
		t.Errorf("another body: %v", got)
	}
}

// TestContentsAreProved compares recordings with the hash that the log has of their tape.
func TestContentsAreProved(t *testing.T) {
	w := newWorld(t)
	w.lease(noon, "active", "")
	c := usual("e1")
	c.end.Tape = sum(bytes.Join(parts(t, c.tape), nil))
	w.happen(noon.Add(time.Minute), c)
	w.happen(noon.Add(time.Minute), usual("e2")) // of which the log has none
	e := w.withContents(w.evidence())
	if j := w.checked(e).Judged; len(j.Unsaid) > 0 || j.Recorded != 2 || j.Proved != 1 {
		t.Errorf("got %+v", j)
	}
	other := c.gets("something else, with a hash of its own")
	w.tapes["e1"] = other.tape
	j := w.checked(e).Judged
	if len(j.Unsaid) != 1 || j.Unsaid[0].What != Changed || j.Unsaid[0].Exchange != "e1" || j.Proved != 0 {
		t.Errorf("another recording: %+v", j)
	}
}

// TestWhatATranscriptDoesNotShow is searched too: all that stands in a recording.
func TestWhatATranscriptDoesNotShow(t *testing.T) {
	w := newWorld(t)
	w.lease(noon, "active", "")
	w.happen(noon.Add(time.Minute), usual("e1"))
	e := w.withContents(w.evidence())
	e.Recorded = func(context.Context, string, *record.End) ([][]byte, error) {
		all := parts(t, w.tapes["e1"])
		return [][]byte{bytes.Replace(all[0], []byte(`"kind":"got"`), []byte(`"note":"`+value+`","kind":"got"`), 1)}, nil
	}
	if got := w.audited(e, value).Judged.Unsaid; len(got) != 1 || got[0].Where != "recording" {
		t.Errorf("found %v", got)
	}
	hidden := usual("e1")
	hidden.tape.Events[1].Head.Path = "/" + value // of an answer, which has none
	w.tapes["e1"] = hidden.tape
	if r := w.verify(nil); r.Found != 1 || r.Findings[0].What != Leak {
		t.Errorf("found %+v", r.Findings)
	}
}

// TestContentsThatAreNone stand where they should not, or cannot be read.
func TestContentsThatAreNone(t *testing.T) {
	w := newWorld(t)
	w.lease(noon, "active", "")
	w.happen(noon.Add(time.Minute), usual("e1"))
	e := w.withContents(w.evidence())
	text := string(w.written(e))
	block := text[strings.Index(text, "recorded\n"):strings.Index(text, "end\n\n")]
	other := usual("e2").tape
	for name, tt := range map[string]string{
		"not base64":           "recorded\n> *\n",
		"no part":              "recorded\n> AAAA\n",
		"another exchange's":   "recorded\n> " + base64.StdEncoding.EncodeToString(parts(t, other)[0]) + "\n",
		"twice":                block + block,
		"too long":             "recorded\n" + strings.Repeat("> "+strings.Repeat("A", textLine)+"\n", recordedMax/textLine+1),
		"of an entry before":   "",
		"lines that go on":     "recorded\n+ AAAA\n",
		"a part that is short": "recorded\n" + strings.TrimSpace(block[len("recorded\n"):])[:100] + "\n",
	} {
		harmed := strings.Replace(text, block, tt, 1)
		if tt == "" {
			i := strings.Index(harmed, "entry 2\n")
			harmed = harmed[:i] + block + harmed[i:]
		}
		signed := resign(t, e.Key, []byte(harmed[:strings.LastIndex(harmed, "\nend\n")+5]))
		if _, err := readEvidence(bytes.NewReader(signed), e.Key.Verifier()); !errors.Is(err, ErrEvidence) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestALongRecordingIsLeftOut, and the file is good.
func TestALongRecordingIsLeftOut(t *testing.T) {
	w := newWorld(t)
	w.lease(noon, "active", "")
	w.happen(noon.Add(time.Minute), usual("e1"))
	refused := usual("e2")
	refused.decision.Outcome, refused.decision.Uses, refused.end.Substitutions = access.Deny, nil, nil
	w.happen(noon.Add(time.Minute), refused)
	e := w.withContents(w.evidence())
	all := e.Recorded
	e.Recorded = func(ctx context.Context, dir string, end *record.End) ([][]byte, error) {
		if end.Exchange == "e1" {
			return [][]byte{make([]byte, recordedMax)}, nil
		}
		return all(ctx, dir, end)
	}
	if c := w.checked(e); c.Contents != 2 || c.Judged.Recorded != 1 {
		t.Errorf("got %+v", c)
	}
}
