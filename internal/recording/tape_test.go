package recording

import (
	"bytes"
	"context"
	"crypto/sha256"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/record"
)

// player records exchanges and reads them back.
type player struct {
	r   *Recorder
	dir string
}

func newPlayer(t testing.TB) player {
	t.Helper()
	dir := newDir(t)
	p := player{open(t, dir, openLog(t, dir), Options{Strict: true}), dir}
	p.r.o.Named = testScrubber().named
	return p
}

// play records what act does on a tape, and returns what is read of it.
func (p player) play(t testing.TB, rule Rule, act func(Tape)) (Transcript, []record.Part) {
	t.Helper()
	id := record.NewID(began)
	tp := p.r.Begin(id, "agent", began, rule).(*tape)
	tp.Tickets(map[string]string{"ghp_" + ticketOne: "L1"})
	act(tp)
	if err := tp.Flush(began.Add(time.Hour), true); err != nil {
		t.Fatal(err)
	}
	var parts []record.Part
	for _, part := range tp.w.parts {
		parts = append(parts, part.Part)
	}
	tp.End(began.Add(time.Hour), record.End{Status: 200})
	got, err := p.r.Read(context.Background(), id, parts)
	if err != nil || !got.Complete {
		t.Fatalf("reading: %v of %+v", err, got)
	}
	return got, parts
}

func joined(tr Transcript, k Kind) string {
	var all []byte
	for _, e := range tr.Events {
		if e.Kind == k {
			all = append(all, e.Data...)
		}
	}
	return string(all)
}

func TestKeepsWhatTheRuleSays(t *testing.T) {
	body := []byte(strings.Repeat("0123456789 ", 100))
	sum := record.Hash(sha256.Sum256(body))
	p := newPlayer(t)
	for _, c := range []struct {
		name string
		rule Rule
		want Sum
		text string
	}{
		{"all of it", Rule{Bodies: Full, Limit: 4096}, Sum{1100, 1100, sum}, string(body)},
		{"up to a limit", Rule{Bodies: Full, Limit: 25}, Sum{1100, 25, sum}, string(body[:25])},
		{"nothing of it", Rule{Bodies: Full}, Sum{1100, 0, sum}, ""},
		{"its hash", Rule{Bodies: Hash, Limit: 4096}, Sum{1100, 0, sum}, ""},
		{"its length", Rule{Bodies: None, Limit: 4096}, Sum{1100, 0, record.Hash{}}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, _ := p.play(t, c.rule, func(tape Tape) {
				for i := 0; i < len(body); i += 100 {
					tape.Piece(began, Got, body[i:i+100], nil)
				}
				tape.Skipped(Sent, 7)
			})
			if got.Got != c.want || joined(got, Got) != c.text || got.Sent != (Sum{Bytes: 7}) {
				t.Errorf("got %+v, %+v", got.Got, got.Sent)
			}
		})
	}
}

// Times, masks and the borders of messages are kept, of what is binary too.
func TestMessages(t *testing.T) {
	at := func(ms int) time.Time { return began.Add(time.Duration(ms) * time.Millisecond) }
	got, _ := newPlayer(t).play(t, full, func(tape Tape) {
		tape.Message(at(1), MessageSent, []byte("ckr_github-read_0123456789"), false, false, nil)
		tape.Message(at(2), MessageGot, []byte("\x00\xff\"\n"), true, true, map[string]int{"a": 2})
		tape.Message(at(3), MessageSent, []byte("abcdefghjkmnpqrs"), false, true, nil)
		tape.Message(at(4), MessageGot, nil, false, true, nil)
		tape.Message(at(5), MessageSent, []byte("next"), false, true, nil)
	})
	want := []Event{
		{At: time.Millisecond, Kind: MessageSent, Data: []byte("ckr_github-read_[ticket L1]"), More: true},
		{At: 2 * time.Millisecond, Kind: MessageGot, Data: []byte("\x00\xff\"\n"), Binary: true, Masked: map[string]int{"a": 2}},
		{At: 3 * time.Millisecond, Kind: MessageSent},
		{At: 4 * time.Millisecond, Kind: MessageGot},
		{At: 5 * time.Millisecond, Kind: MessageSent, Data: []byte("next")},
	}
	if !reflect.DeepEqual(got.Events, want) {
		t.Errorf("got %+v", got.Events)
	}
}

// Masks are told of where nothing is kept, up to a bound.
func TestMasksBeyondTheLimit(t *testing.T) {
	got, _ := newPlayer(t).play(t, Rule{Bodies: Hash}, func(tape Tape) {
		for range 3 * bareMax {
			tape.Piece(began, Got, []byte("x"), map[string]int{"a": 1})
			tape.Piece(began, Got, []byte("x"), nil)
			tape.Message(began, MessageGot, nil, false, true, nil)
		}
	})
	if len(got.Events) != bareMax || got.Events[0].Masked["a"] != 1 {
		t.Errorf("got %d events, %+v", len(got.Events), got.Events[0])
	}
}

// Little that is young waits; an exchange of weeks has few parts.
func TestPartsGrowRare(t *testing.T) {
	p := newPlayer(t)
	id := record.NewID(began)
	tp := p.r.Begin(id, "agent", began, full).(*tape)
	at := began
	for range 3 * 7 * 24 * 3600 / 10 { // three weeks
		tp.Piece(at, Got, []byte("."), nil)
		if err := tp.Flush(at, false); err != nil {
			t.Fatal(err)
		}
		at = at.Add(10 * time.Second)
	}
	if n := len(tp.w.parts); n < 100 || n >= record.PartsMax {
		t.Errorf("%d parts", n)
	}
	tp.End(at, record.End{})
}

func TestFlushWaits(t *testing.T) {
	p := newPlayer(t)
	tp := p.r.Begin(record.NewID(began), "agent", began, Rule{Bodies: Full, Limit: 1 << 20}).(*tape)
	for _, step := range []struct {
		after time.Duration
		bytes int
		parts int
	}{{0, 10, 0}, {900 * time.Millisecond, 10, 0}, {1100 * time.Millisecond, 0, 1}, {1200 * time.Millisecond, 70 << 10, 2}} {
		at := began.Add(step.after)
		tp.Piece(at, Got, bytes.Repeat([]byte(" "), step.bytes), nil)
		if err := tp.Flush(at, false); err != nil || len(tp.w.parts) != step.parts {
			t.Errorf("after %v: %d parts, %v", step.after, len(tp.w.parts), err)
		}
	}
	tp.End(began, record.End{})
}

// However a body is cut into pieces and written in parts, the same is read, and
// that is the whole of what is kept scrubbed at once; what the limit cuts can not
// be guessed.
func FuzzTape(f *testing.F) {
	p := newPlayer(f)
	for _, s := range []string{"plain", "x " + ticketOne + " " + jwt, strings.Repeat(ticketTwo+" ", 20), "\xff\x00 " + jwt} {
		f.Add([]byte(s), []byte{1, 7, 30}, uint16(1000))
		f.Add([]byte(s), []byte{3}, uint16(20))
	}
	c := testScrubber()
	c.key = testKey
	f.Fuzz(func(t *testing.T, body, cuts []byte, limit uint16) {
		kept := body[:min(len(body), int(limit))]
		got, _ := p.play(t, Rule{Bodies: Full, Limit: int64(limit)}, func(tape Tape) {
			rest, at := body, began
			for _, n := range cuts {
				n := min(len(rest), int(n))
				tape.Piece(at, Got, rest[:n], nil)
				rest, at = rest[n:], at.Add(time.Duration(n)*50*time.Millisecond)
				if err := tape.Flush(at, false); err != nil {
					t.Fatal(err)
				}
			}
			tape.Piece(at, Got, rest, nil)
		})
		want := whole(c, string(kept))
		if m := ticketBegun.FindStringSubmatchIndex(want); m != nil {
			want = want[:m[2]] + "[ticket]"
		}
		if text := joined(got, Got); text != want && !ambiguous(kept) {
			t.Errorf("got %q, want %q", text, want)
		}
		sum := Sum{Bytes: int64(len(body)), Kept: int64(len(kept)), SHA256: sha256.Sum256(body)}
		if len(body) == 0 {
			sum.SHA256 = got.Got.SHA256
		}
		if got.Got != sum {
			t.Errorf("got %+v, want %+v", got.Got, sum)
		}
	})
}

// ambiguous tells of a text whose end is both a ticket's beginning and something
// else that is marked.
func ambiguous(kept []byte) bool {
	c := testScrubber()
	run := kept[lastBound(kept)+1:]
	strays := c.strays(run)
	return len(strays) > 0 && ticketBegun.Match(run)
}

// A ticket is one in a header's name too, which is of the agent's choosing.
func TestNamesOfHeaders(t *testing.T) {
	got, _ := newPlayer(t).play(t, full, func(tape Tape) {
		tape.Head(began, Request, Head{Headers: []access.Header{{Name: "x-" + ticketOne, Value: "1"}, {Name: "accept", Value: "*/*"}}}, nil)
	})
	want := []access.Header{{Name: "x-ckr_github-read_[ticket L1]", Value: "1"}, {Name: "accept", Value: "*/*"}}
	if !slices.Equal(got.Events[0].Head.Headers, want) {
		t.Errorf("got %+v", got.Events[0].Head.Headers)
	}
}

func TestTextsThatAreNoUTF8(t *testing.T) {
	for _, s := range []string{"", "a\"\\\n\t\r\x00\x7fé\u2028", "\xff\xfe", "[\"x\"]"} {
		var got text
		if err := got.UnmarshalJSON(appendText(nil, s)); err != nil || string(got) != s {
			t.Errorf("%q: got %q, %v of %s", s, got, err, appendText(nil, s))
		}
	}
}

// TestTheLogHasTheHashOfATape, by which whoever is shown its parts knows that they are
// what was recorded; of the same words it is another each time, so that nobody can try
// what they were.
func TestTheLogHasTheHashOfATape(t *testing.T) {
	p := newPlayer(t)
	for range 2 {
		p.play(t, Rule{Bodies: Full, Limit: 4096}, func(tape Tape) {
			for _, text := range []string{"one", "two"} {
				tape.Piece(began, Got, []byte(text), nil)
				if err := tape.Flush(began.Add(time.Second), true); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
	if err := p.r.Close(); err != nil {
		t.Fatal(err)
	}
	known, salts := map[record.Hash]bool{}, map[string]bool{}
	for id, e := range ends(t, p.dir) {
		all, err := p.r.Plain(t.Context(), id, e.Recording)
		if err != nil || len(all) < 2 {
			t.Fatalf("%d parts, %v", len(all), err)
		}
		if known[e.Tape] = true; e.Tape != sha256.Sum256(bytes.Join(all, nil)) {
			t.Errorf("exchange %s: the hash is not that of its parts", id)
		}
		_, salt, _ := bytes.Cut(all[0], []byte(`"salt":"`))
		if salts[string(salt[:32])] = true; bytes.Contains(all[1], []byte("salt")) {
			t.Error("a tape has two salts")
		}
		tr, err := Parse(id, all)
		if err != nil || joined(tr, Got) != "onetwo" || !tr.Complete {
			t.Errorf("parsed: %+v, %v", tr, err)
		}
		if _, err := Parse(id, all[1:]); err == nil {
			t.Error("the second part is taken for the first")
		}
	}
	if len(known) != 2 || len(salts) != 2 {
		t.Errorf("%d hashes and %d salts of two tapes", len(known), len(salts))
	}
}
