package console

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/record"
	"cloakroom/internal/recording"
	"cloakroom/internal/transcript"
)

// tell is text with its marks in braces.
func tell(all []run) string {
	var b strings.Builder
	for _, r := range all {
		if r.Kind == "" {
			b.WriteString(r.Text)
		} else {
			fmt.Fprintf(&b, "{%s %s}", r.Kind, r.Text)
		}
	}
	return b.String()
}

const suffix = "0123456789abcdefghjkmnpqrs"

func TestRuns(t *testing.T) {
	kind := func(credential string) string { return "of-" + credential }
	for text, want := range map[string]string{
		"":                                      "",
		"a\tb\nc":                               "a\tb\nc",
		"ckr_pay_" + suffix + "!":               "{of-pay ckr_pay_" + suffix + "}!",
		"ghp_ckr_pay_" + suffix:                 "ghp_{of-pay ckr_pay_" + suffix + "}",
		"ckr_pay_[ticket 01hx]":                 "{of-pay ckr_pay_[ticket 01hx]}",
		"ckr_pay_[ticket]":                      "{of-pay ckr_pay_[ticket]}",
		"ckr_pay_tooshort":                      "ckr_pay_tooshort",
		"x [masked] y":                          "x {masked [masked]} y",
		"[token 0123456789abcdef] [token]":      "{token [token 0123456789abcdef]} {token [token]}",
		"\x1b[2J\r\n":                           "{odd ^[}[2J{odd ^M}\n",
		"\x7f\u202e\u200b\ufe0f":                "{odd ^?}{odd U+202E}{odd U+200B}{odd U+FE0F}",
		"é 漢 \u00a0":                            "é 漢 {odd U+00A0}",
		"[masked]\u2028[masked]":                "{masked [masked]}{odd U+2028}{masked [masked]}",
		"ckr_pay_" + suffix + "\x00ckr_x_[tick": "{of-pay ckr_pay_" + suffix + "}{odd ^@}ckr_x_[tick",
	} {
		if got := tell(runs(text, false, kind)); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
	if got := tell(runs("a\nb\tc", true, kind)); got != "a{odd ^J}b{odd ^I}c" {
		t.Errorf("of one line: %q", got)
	}
}

// Heads take of a page's room too: an agent may send many, and long ones.
func TestHeadsTakeRoom(t *testing.T) {
	head := &recording.Head{Method: "GET", Path: "/", Headers: []access.Header{{Name: "x-a", Value: strings.Repeat("\x01", 100)}}}
	x := transcript.Exchange{Exchange: record.Exchange{Decision: record.Entry{Decision: &record.Decision{}}},
		Recording: &recording.Transcript{Events: []recording.Event{{Kind: recording.Request, Head: head}, {Kind: recording.Response, Head: head}}}}
	left := room{mostBlocks, 50}
	if got := saidIn(axis{}, x, &left); len(got.Blocks) != 1 || got.Rest != 1 || !left.none() {
		t.Errorf("got %d blocks, %d left out, room for %d", len(got.Blocks), got.Rest, left.bytes)
	}
}

func TestContent(t *testing.T) {
	none := func(string) string { return "" }
	for name, tt := range map[string]struct {
		data      []byte
		binary    bool
		text, hex string
		rest      int64
		fold      bool
	}{
		"text":                    {data: []byte("héllo"), text: "héllo"},
		"text cut in a character": {data: []byte("h\xc3"), text: "h", rest: 1},
		"bytes":                   {data: []byte("h\xff"), hex: "68 ff"},
		"a zero":                  {data: []byte("h\x00"), hex: "68 00"},
		"a binary message":        {data: []byte("hi"), binary: true, hex: "68 69"},
		"long":                    {data: []byte(strings.Repeat("a\n", 30)), text: "a\na\n", fold: true},
		"longer than is shown":    {data: []byte(strings.Repeat("x", mostText+3)), text: "xxx", rest: 3, fold: true},
		"many bytes":              {data: make([]byte, mostHex+5), hex: "00 00", rest: 5, fold: true},
		"nothing":                 {},
	} {
		c := contentOf(tt.data, tt.binary, none)
		if !strings.Contains(tell(c.Runs), tt.text) || !strings.Contains(c.Hex, tt.hex) || (c.Hex == "") != (tt.hex == "") || c.Rest != tt.rest || c.Fold != tt.fold ||
			c.Size != int64(len(tt.data)) {
			t.Errorf("%s: %+v", name, c)
		}
	}
}

// blocksOf are the blocks of events, a line each.
func blocksOf(t *testing.T, end record.End, events ...recording.Event) (all []string) {
	t.Helper()
	x := transcript.Exchange{Exchange: record.Exchange{Decision: record.Entry{Decision: &record.Decision{}}, End: &record.Entry{End: &end}},
		Recording: &recording.Transcript{Began: noon, Events: events}}
	shown := saidIn(axis{Began: noon.Add(-time.Second)}, x, &room{mostBlocks, mostShown})
	for _, b := range shown.Blocks {
		text := fmt.Sprint(b.At, " ", b.Agent, " ", b.What, " ", b.Used, " ", b.Masked, " ", tell(b.Line))
		for _, f := range b.Fields {
			text += "|" + f.Name + ": " + tell(f.Value)
		}
		if b.Body != nil {
			text += tell(b.Body.Runs)
		}
		all = append(all, text)
	}
	return all
}

func event(ms int, k recording.Kind, data string, masked map[string]int) recording.Event {
	return recording.Event{At: time.Duration(ms) * time.Millisecond, Kind: k, Data: []byte(data), Masked: masked}
}

func headOf(ms int, k recording.Kind, path string, status int, headers ...access.Header) recording.Event {
	return recording.Event{At: time.Duration(ms) * time.Millisecond, Kind: k, Head: &recording.Head{Method: "PUT", Authority: "a.test", Path: path, Status: status, Headers: headers}}
}

// TestBodiesAreWhole joins the pieces of a body, and marks placeholders where they
// counted only.
func TestBodiesAreWhole(t *testing.T) {
	p := "ckr_pay_" + suffix
	end := record.End{Substitutions: []record.Substitution{{Credential: "pay", Location: "body:/key", N: 1}, {Credential: "key", Location: "query:k", N: 1}, {Credential: "pay", Location: "cookie:c", N: 1}}}
	got := blocksOf(t, end,
		headOf(1, recording.Request, "/x?k=ckr_key_"+suffix, 0, access.Header{Name: "cookie", Value: p}, access.Header{Name: "x-note", Value: p}),
		event(2, recording.Sent, `{"key": "ckr_pay_`, nil), event(3, recording.Sent, suffix+`"}`, nil),
		headOf(5, recording.Response, "", 201, access.Header{Name: "set-cookie", Value: p}),
		event(6, recording.Got, p[:12], nil), event(7, recording.Got, p[12:]+" ckr_key_"+suffix, map[string]int{"pay": 1}),
		headOf(8, recording.Trailers, "", 0, access.Header{Name: "grpc-status", Value: "0"}),
		headOf(9, recording.Control, "", 0, access.Header{Name: "close", Value: "\x03\xe8bye"}),
		headOf(10, recording.ControlSent, "", 0, access.Header{Name: "ping", Value: "alive"}))
	want := []string{
		"1.001s true request [key in query:k pay in cookie:c] [] PUT /x?k={used ckr_key_" + suffix + "}|host: a.test|cookie: {used " + p + "}|x-note: {inert " + p + "}",
		`1.002s true body [pay in body:/key] [] {"key": "{used ` + p + `}"}`,
		"1.005s false response [] [] 201|set-cookie: {inert " + p + "}",
		"1.006s false body [] [{pay 1}] {masked " + p + "} {inert ckr_key_" + suffix + "}",
		"1.008s false trailers [] [] |grpc-status: 0",
		"1.009s false control frame [] [] |close 1000: bye",
		"1.01s true control frame [] [] |ping: alive",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestEventsAreApart shows each event of a stream at the time when it was whole,
// and messages by themselves.
func TestEventsAreApart(t *testing.T) {
	got := blocksOf(t, record.End{Substitutions: []record.Substitution{{Credential: "pay", Location: "message:/key", N: 1}}},
		headOf(1, recording.Response, "", 200, access.Header{Name: "content-type", Value: "Text/Event-Stream; charset=utf-8"}),
		event(10, recording.Got, "data: 1\n\ndata:", nil), event(20, recording.Got, " 2\n", nil), event(30, recording.Got, "\ndata: 3\r\n\r\ndata: 4", map[string]int{"pay": 1}),
		event(40, recording.MessageSent, "hello", nil), event(50, recording.MessageGot, "you", nil), event(60, recording.MessageGot, "too", nil))
	want := []string{
		"1.001s false response [] [] 200|content-type: Text/Event-Stream; charset=utf-8",
		"1.01s false event [] [] data: 1\n\n", "1.03s false event [] [{pay 1}] data: 2\n\n", "1.03s false event [] [] data: 3{odd ^M}\n{odd ^M}\n", "1.03s false event [] [] data: 4",
		"1.04s true message [pay in message:/key] [] hello", "1.05s false message [] [] you", "1.06s false message [] [] too",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got:\n%q\nwant:\n%q", got, want)
	}
}

// TestRoom shows no more than a page has room for, and says so.
func TestRoom(t *testing.T) {
	x := transcript.Exchange{Exchange: record.Exchange{Decision: record.Entry{Decision: &record.Decision{}}}, Recording: &recording.Transcript{}}
	for range 10 {
		x.Recording.Events = append(x.Recording.Events, event(1, recording.MessageGot, strings.Repeat("x", 100), nil))
	}
	left := room{4, 1000}
	if got := saidIn(axis{}, x, &left); len(got.Blocks) != 4 || got.Rest != 6 {
		t.Errorf("%d blocks, %d left out", len(got.Blocks), got.Rest)
	}
	left = room{100, 250}
	if got := saidIn(axis{}, x, &left); len(got.Blocks) != 3 || got.Rest != 7 {
		t.Errorf("%d blocks, %d left out", len(got.Blocks), got.Rest)
	}
}

// FuzzRuns holds that a text is shown whole, but for what is not printed as itself.
func FuzzRuns(f *testing.F) {
	f.Add("GET [masked] ckr_pay_"+suffix+"\x1b[31m\u202e\r\n", true)
	f.Add("ckr_a_ckr_b_[ticket][token]\xff\ufe0f", false)
	f.Fuzz(func(t *testing.T, text string, line bool) {
		text = strings.ToValidUTF8(text, "?") // a text's bytes are; else it is shown as hex
		var shown strings.Builder
		for _, r := range runs(text, line, func(string) string { return "inert" }) {
			if r.Kind != "odd" {
				shown.WriteString(r.Text)
			}
		}
		want := strings.Map(func(r rune) rune {
			if odd(r) || line && r < ' ' {
				return -1
			}
			return r
		}, text)
		if shown.String() != want {
			t.Errorf("%q is shown as %q", text, shown.String())
		}
	})
}
