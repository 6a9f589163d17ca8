package exchange

import (
	"bytes"
	"compress/gzip"
	"errors"
	"strings"
	"testing"

	"cloakroom/internal/access"
)

func zipped(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write([]byte(text))
	w.Close()
	return b.String()
}

// TestCodedBodiesAreDecoded masks a body behind two codings, cut anywhere.
func TestCodedBodiesAreDecoded(t *testing.T) {
	text := "a " + values["plain"] + " b"
	want := "a " + named("plain") + " b"
	coded := zipped(zipped(text))
	for cut := range len(coded) + 1 {
		for _, trailers := range []bool{false, true} {
			w := newWorld(t)
			x := w.asked(t)
			lines := head("", "content-encoding", "gzip", "content-encoding", "GZIP", "a", "b").Headers
			change, refused, err := x.ResponseHead(ResponseHead{Status: 200, Headers: lines})
			if err != nil || refused != nil || !x.Decodes() {
				t.Fatal(refused, err)
			}
			if got := apply(change, lines); len(got) != 1 || got[0].Name != "a" {
				t.Fatalf("head %v", got)
			}
			out, err := x.ResponseBody(nil, []byte(coded[:cut]), false)
			if err == nil {
				out, err = x.ResponseBody(out, []byte(coded[cut:]), !trailers)
			}
			if err == nil && trailers {
				out, _, err = x.ResponseTrailers(out, nil)
			}
			if err != nil || string(out) != want || !x.Complete() || x.Decodes() {
				t.Fatalf("cut at %d: %q, %v", cut, out, err)
			}
			x.End(nil)
			if end := w.entries[0].End; end.Masks[0].N != 1 || end.Error != "" {
				t.Fatalf("recorded %+v", end)
			}
		}
	}
}

// TestBrokenCodedBodies end the exchange, with nothing of the broken piece.
func TestBrokenCodedBodies(t *testing.T) {
	coded := zipped("a " + values["plain"] + strings.Repeat(" and more", 100))
	for _, tt := range []struct{ name, body, detail string }{
		{"cut short", coded[:len(coded)-1], "unexpected EOF"},
		{"bytes behind", coded + "and " + values["plain"], "invalid header"},
		{"not coded at all", values["plain"], "invalid header"},
	} {
		for _, trailers := range []bool{false, true} {
			w := newWorld(t)
			x := w.asked(t)
			x.ResponseHead(ResponseHead{Status: 200, Headers: head("", "content-encoding", "gzip").Headers})
			out, err := x.ResponseBody(nil, []byte(tt.body), !trailers)
			if trailers && err == nil {
				_, _, err = x.ResponseTrailers(nil, nil)
			}
			if !errors.Is(err, ErrBody) || strings.Contains(string(out), values["plain"]) || x.Complete() {
				t.Errorf("%s: %q, %v", tt.name, out, err)
			}
			x.End(err)
			if e := w.entries[0].End.Error; !strings.Contains(e, `decoding "gzip"`) || !strings.Contains(e, tt.detail) {
				t.Errorf("%s: recorded %q", tt.name, e)
			}
		}
	}
}

// TestUnreadable: a refusal takes the response's place as long as nothing of the
// body has gone down.
func TestUnreadable(t *testing.T) {
	var flushed bytes.Buffer
	z := gzip.NewWriter(&flushed)
	z.Write([]byte(strings.Repeat("some text ", 1000)))
	z.Flush()
	for _, tt := range []struct {
		name, coding string
		pieces       []string
		refused      bool
	}{
		{"at its first bytes", "gzip", []string{"", "this is no gzip"}, true},
		{"when some has gone", "gzip", []string{flushed.String(), "this is no gzip"}, false},
	} {
		w := newWorld(t)
		x := w.asked(t)
		x.ResponseHead(ResponseHead{Status: 200, Headers: head("", "content-encoding", tt.coding).Headers})
		var err error
		for _, piece := range tt.pieces {
			_, err = x.ResponseBody(nil, []byte(piece), false)
		}
		refused := x.Instead(ErrBody)
		if (refused != nil) != tt.refused || tt.refused && (refused.Code != access.Denied || !errors.Is(err, ErrBody) || !x.Complete()) {
			t.Errorf("%s: %v, %v", tt.name, refused, err)
		}
		x.End(err)
		if end := w.entries[0].End; tt.refused && (end.Code != access.Denied || !strings.Contains(end.Error, "invalid header")) {
			t.Errorf("%s: recorded %+v", tt.name, end)
		}
	}
}

func TestHeadsOfCodedBodies(t *testing.T) {
	v, p := values["plain"], named("plain")
	for _, tt := range []struct {
		name     string
		in, want []string
	}{
		{"vary", []string{"vary", "Accept-Encoding"}, nil},
		{"vary by others too", []string{"vary", "accept-encoding, Origin", "vary", "x-a,ACCEPT-ENCODING"}, []string{"vary", "Origin, x-a"}},
		{"vary by anything", []string{"vary", "*"}, []string{"vary", "*"}},
		{"vary by a value", []string{"vary", "accept-encoding, " + v}, []string{"vary", p}},
		{"none", []string{"a", "b"}, []string{"a", "b"}},
	} {
		for _, end := range []bool{false, true} {
			x := newWorld(t).asked(t)
			lines := head("", append(tt.in, "content-encoding", "br")...).Headers
			change, refused, err := x.ResponseHead(ResponseHead{Status: 200, Headers: lines, End: end})
			if got, want := text(apply(change, lines)), text(head("", tt.want...).Headers); err != nil || refused != nil || got != want {
				t.Errorf("%s: got %q, %v, %v, want %q", tt.name, got, refused, err, want)
			}
			x.End(nil)
		}
	}
}
