package exchange

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"cloakroom/internal/access"
	"cloakroom/internal/secret"
)

// asked begins an exchange whose request went up with one placeholder.
func (w *world) asked(t testing.TB) *Exchange {
	t.Helper()
	x := w.begin()
	h := w.granted(t, head("/x", "authorization", "Bearer "+named("plain")), use(t, "plain", "header:authorization"))
	if _, refused, err := x.RequestHead(h); err != nil || refused != nil {
		t.Fatal(refused, err)
	}
	return x
}

func TestMaskHead(t *testing.T) {
	v, p := values["plain"], named("plain")
	tests := []struct {
		name     string
		in, want []string
	}{
		{"nothing to mask", []string{"a", "1", "b", "2"}, []string{"a", "1", "b", "2"}},
		{"what the client sent for it", []string{"x-echo", "Bearer " + v}, []string{"x-echo", "Bearer " + p}},
		{"a value that it did not send for", []string{"x-echo", values["colon"]}, []string{"x-echo", "[masked]"}},
		{"a former value", []string{"x-echo", "former-Zk3vQ9x1LmT7rW2"}, []string{"x-echo", p}},
		{"encoded", []string{"location", "/?k=col%3Aon-Zk3vQ9x1LmT7rW2"}, []string{"location", "/?k=[masked]"}},
		{"one of several lines", []string{"set-cookie", "a=1", "set-cookie", "k=" + v, "set-cookie", "b=2"},
			[]string{"set-cookie", "a=1", "set-cookie", "k=" + p, "set-cookie", "b=2"}},
		{"in a name", []string{"x-" + v, "1", "a", "2"}, []string{"a", "2"}},
		{"in a name, in lower case", []string{"x-" + strings.ToLower(v), "1", "a", "2"}, []string{"a", "2"}},
		{"in a name, among others", []string{"x-" + v, "1", "x-" + v, v}, nil},
		{"digests", []string{"content-md5", "1", "digest", "2", "repr-digest", "3", "content-digest", "4", "a", "5"}, []string{"a", "5"}},
		{"a strong etag", []string{"etag", `"abc"`}, nil},
		{"a strong etag behind a weak one", []string{"etag", `W/"a"`, "etag", `"b"`}, nil},
		{"a weak etag", []string{"etag", `W/"abc"`}, []string{"etag", `W/"abc"`}},
		{"a strong etag that holds a value", []string{"etag", `"` + v + `"`}, nil},
		{"digests of stores", []string{"x-amz-checksum-crc32c", "1", "x-goog-hash", "2", "x-checksum-sha1", "3", "x-goog-stored-content-length", "4", "x-bz-content-sha1", "6", "x-amz-meta-a", "5"},
			[]string{"x-amz-meta-a", "5"}},
		{"signatures over digests", []string{"signature-input", `s=("content-digest")`, "signature", "s=:AAAA:", "server-timing", "db;dur=5"}, []string{"server-timing", "db;dur=5"}},
		{"an offer of parts", []string{"accept-ranges", "bytes", "content-range", "bytes 0-1/2"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			lines := head("", tt.in...).Headers
			change, refused, err := w.asked(t).ResponseHead(ResponseHead{Status: 200, Headers: lines})
			if err != nil || refused != nil {
				t.Fatal(refused, err)
			}
			if got, want := text(apply(change, lines)), text(head("", tt.want...).Headers); got != want {
				t.Errorf("head: got %q, want %q", got, want)
			}
			x := w.asked(t)
			x.ResponseHead(ResponseHead{Status: 200})
			lines = head("", tt.in...).Headers
			_, change, err = x.ResponseTrailers(nil, lines)
			if got, want := text(apply(change, lines)), text(head("", tt.want...).Headers); err != nil || got != want {
				t.Errorf("trailers: got %q, %v, want %q", got, err, want)
			}
		})
	}
}

func TestUnreadableAnswers(t *testing.T) {
	tests := []struct {
		name    string
		head    ResponseHead
		refused bool
	}{
		{"switching protocols", ResponseHead{Status: 101}, true},
		{"switching to a WebSocket", ResponseHead{Status: 101, Headers: head("", "upgrade", "websocket").Headers}, true},
		{"gRPC-Web as text", ResponseHead{Status: 200, Headers: head("", "content-type", "application/grpc-web-text").Headers}, true},
		{"compressed messages", ResponseHead{Status: 200, Headers: head("", "content-type", "application/grpc", "grpc-encoding", "gzip").Headers}, true},
		{"compressed messages of Connect", ResponseHead{Status: 200, Headers: head("", "content-type", "application/connect+json", "connect-content-encoding", "gzip").Headers}, true},
		{"messages that are not", ResponseHead{Status: 200, Headers: head("", "content-type", "application/grpc", "grpc-encoding", "Identity").Headers}, false},
		{"a part", ResponseHead{Status: 206}, true},
		{"a part without a body", ResponseHead{Status: 206, End: true}, true},
		{"gzip", ResponseHead{Status: 200, Headers: head("", "content-encoding", "gzip").Headers}, false},
		{"two codings", ResponseHead{Status: 200, Headers: head("", "content-encoding", "identity, BR, zstd").Headers}, false},
		{"four codings", ResponseHead{Status: 200, Headers: head("", "content-encoding", "br, br, br, br").Headers}, true},
		{"unknown", ResponseHead{Status: 200, Headers: head("", "content-encoding", "x-secret").Headers}, true},
		{"unknown, on the second line", ResponseHead{Status: 200, Headers: head("", "content-encoding", "gzip", "content-encoding", "aes128gcm").Headers}, true},
		{"unknown, without a body", ResponseHead{Status: 304, End: true, Headers: head("", "content-encoding", "x-secret").Headers}, false},
		{"parts", ResponseHead{Status: 200, Headers: head("", "content-type", "Multipart/ByteRanges; boundary=x").Headers}, true},
		{"a change to another answer", ResponseHead{Status: 226, Headers: head("", "im", "vcdiff").Headers}, true},
		{"UTF-16", ResponseHead{Status: 200, Headers: head("", "content-type", `application/json; Charset="UTF-16LE"`).Headers}, false},
		{"UTF-32", ResponseHead{Status: 200, Headers: head("", "content-type", `application/json; Charset="UTF-32LE"`).Headers}, true},
		{"UTF-7", ResponseHead{Status: 200, Headers: head("", "content-type", "text/plain; charset=utf-7").Headers}, true},
		{"UTF-32 on the second line", ResponseHead{Status: 200, Headers: head("", "content-type", "text/plain", "content-type", "a/b;charset=utf-32").Headers}, true},
		{"an unknown charset", ResponseHead{Status: 200, Headers: head("", "content-type", "text/plain; charset=IBM037").Headers}, true},
		{"UTF-32 without a body", ResponseHead{Status: 204, End: true, Headers: head("", "content-type", "text/plain;charset=utf-32").Headers}, false},
		{"UTF-8", ResponseHead{Status: 200, Headers: head("", "content-type", `text/html; charset="utf-8"; x=y`).Headers}, false},
		{"Latin 1", ResponseHead{Status: 200, Headers: head("", "content-type", "text/html;charset=ISO_8859-1").Headers}, false},
		{"no charset", ResponseHead{Status: 200, Headers: head("", "content-type", "text/html; charset=").Headers}, false},
		{"identity", ResponseHead{Status: 200, Headers: head("", "content-encoding", "Identity").Headers}, false},
		{"plain", ResponseHead{Status: 500}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			x := w.asked(t)
			_, refused, err := x.ResponseHead(tt.head)
			if err != nil || (refused != nil) != tt.refused {
				t.Fatalf("got %v, %v", refused, err)
			}
			if !tt.refused {
				return
			}
			out, err := x.ResponseBody(nil, []byte("under way"), false)
			if len(out) != 0 || err != nil {
				t.Errorf("behind a refusal went %q, %v", out, err)
			}
			x.End(nil)
			if end := w.entries[0].End; end.Code != access.Denied || end.Status != 403 {
				t.Errorf("recorded %+v", end)
			}
		})
	}
}

// TestUTF16IsMasked: a charset that passes is one in which values are found.
func TestUTF16IsMasked(t *testing.T) {
	for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
		wide := func(text string) (b []byte) {
			for _, unit := range utf16.Encode([]rune(text)) {
				b = order.AppendUint16(b, unit)
			}
			return b
		}
		x := newWorld(t).asked(t)
		_, refused, err := x.ResponseHead(ResponseHead{Status: 200, Headers: head("", "content-type", "text/plain; charset=utf-16").Headers})
		if refused != nil || err != nil {
			t.Fatal(refused, err)
		}
		out, err := x.ResponseBody(nil, wide("a "+values["plain"]+" b"), true)
		if err != nil || !bytes.HasPrefix(out, wide("a ")) || !bytes.HasSuffix(out, wide(" b")) || bytes.Contains(out, wide(values["plain"])) {
			t.Errorf("%v: %q, %v", order, out, err)
		}
	}
}

func TestBodiesAreMaskedAcrossCuts(t *testing.T) {
	v, p := values["plain"], named("plain")
	whole := "a " + v + " b " + values["colon"] + " c"
	want := "a " + p + " b [masked] c"
	for cut := range len(whole) + 1 {
		for _, trailers := range []bool{false, true} {
			w := newWorld(t)
			x := w.asked(t)
			x.ResponseHead(ResponseHead{Status: 200})
			out, err := x.ResponseBody(nil, []byte(whole[:cut]), false)
			if err != nil {
				t.Fatal(err)
			}
			if trailers {
				if out, err = x.ResponseBody(out, []byte(whole[cut:]), false); err == nil {
					out, _, err = x.ResponseTrailers(out, nil)
				}
			} else {
				out, err = x.ResponseBody(out, []byte(whole[cut:]), true)
			}
			if err != nil || string(out) != want || !x.Complete() {
				t.Fatalf("cut at %d: %q, %v", cut, out, err)
			}
			x.End(nil)
			end := w.entries[0].End
			if end.ResponseBytes != int64(len(want)) || fmt.Sprint(end.Masks) != "[{colon 1} {plain 1}]" {
				t.Fatalf("recorded %+v", end)
			}
		}
	}
}

// TestEventsGoAtOnce: nothing of an event stays behind its blank line.
func TestEventsGoAtOnce(t *testing.T) {
	w := newWorld(t)
	x := w.asked(t)
	x.ResponseHead(ResponseHead{Status: 200, Headers: head("", "content-type", "text/event-stream; charset=utf-8").Headers})
	for i, event := range []string{"data: one\n\n", "data: " + values["plain"][:8] + "\n\n", "data: two\n\n"} {
		if out, err := x.ResponseBody(nil, []byte(event), false); string(out) != event || err != nil {
			t.Errorf("event %d: %q, %v", i, out, err)
		}
	}
}

// TestCutsDoNotDependOnTheText: what goes at each step is the same number of
// bytes for text that begins like a value and text that does not.
func TestCutsDoNotDependOnTheText(t *testing.T) {
	lengths := func(text string) (out []int) {
		w := newWorld(t)
		x := w.asked(t)
		x.ResponseHead(ResponseHead{Status: 200})
		for i := range len(text) {
			b, err := x.ResponseBody(nil, []byte(text[i:i+1]), false)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, len(b))
		}
		return out
	}
	v := values["plain"]
	alike, other := strings.Repeat(v[:len(v)-1]+"!", 20), strings.Repeat(strings.Repeat("-", len(v)), 20)
	if a, b := fmt.Sprint(lengths(alike)), fmt.Sprint(lengths(other)); a != b {
		t.Errorf("cuts differ:\n%s\n%s", a, b)
	}
}

func TestOrder(t *testing.T) {
	head200 := ResponseHead{Status: 200}
	tests := []struct {
		name  string
		steps func(x *Exchange) error
		want  error
	}{
		{"a body without a head", func(x *Exchange) error { _, err := x.ResponseBody(nil, []byte("x"), false); return err }, ErrOrder},
		{"trailers without a head", func(x *Exchange) error { _, _, err := x.ResponseTrailers(nil, nil); return err }, ErrOrder},
		{"two answers", func(x *Exchange) error { x.ResponseHead(head200); _, _, err := x.ResponseHead(head200); return err }, ErrOrder},
		{"a request behind an answer", func(x *Exchange) error {
			x.ResponseHead(head200)
			_, _, err := x.RequestHead(RequestHead{})
			return err
		}, ErrOrder},
		{"bytes behind the end", func(x *Exchange) error {
			x.ResponseHead(head200)
			x.ResponseBody(nil, nil, true)
			_, err := x.ResponseBody(nil, []byte("x"), true)
			return err
		}, ErrOrder},
		{"a body of a head that had none", func(x *Exchange) error {
			x.ResponseHead(ResponseHead{Status: 200, End: true})
			_, err := x.ResponseBody(nil, []byte("x"), false)
			return err
		}, ErrOrder},
		{"trailers behind the end", func(x *Exchange) error {
			x.ResponseHead(head200)
			x.ResponseBody(nil, nil, true)
			_, _, err := x.ResponseTrailers(nil, nil)
			return err
		}, ErrOrder},
		{"the end twice", func(x *Exchange) error {
			x.ResponseHead(head200)
			x.ResponseBody(nil, nil, true)
			_, err := x.ResponseBody(nil, nil, true)
			return err
		}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.steps(newWorld(t).begin()); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

func TestEndIsNotedOnce(t *testing.T) {
	w := newWorld(t)
	x := w.asked(t)
	w.now = w.now.Add(2 * time.Second)
	x.ResponseHead(ResponseHead{Status: 203, Headers: head("", "a", values["plain"]).Headers})
	out, _ := x.ResponseBody(nil, []byte(strings.Repeat(values["plain"]+" ", 100)), false)
	w.now = w.now.Add(time.Second)
	x.End(errCut)
	x.End(nil)
	if len(w.entries) != 1 {
		t.Fatalf("%d entries", len(w.entries))
	}
	e := w.entries[0].End
	got := fmt.Sprintf("%s %d %v %v %s %s", e.Exchange, e.Status, e.Substitutions, e.Phases, e.Code, e.Error)
	if got != "exchange-1 203 [{plain header:authorization 1}] [{total 3s} {upstream 2s}]  cut" {
		t.Errorf("recorded %q", got)
	}
	if e.ResponseBytes != int64(len(out)) || len(e.Masks) != 1 || e.Masks[0].N < 2 || e.Masks[0].N > 101 {
		t.Errorf("recorded %d bytes of %d, masks %v", e.ResponseBytes, len(out), e.Masks)
	}
	if last := w.told[len(w.told)-1]; len(w.told) != 2 || !strings.HasPrefix(last, "ended map[plain:1] map[plain:") {
		t.Errorf("told %q", w.told)
	}
}

// TestWhatIsPutInAgainIsCounted: an entry takes only so many substitutions, and none is
// pushed out by another that is repeated.
func TestWhatIsPutInAgainIsCounted(t *testing.T) {
	w := newWorld(t)
	lines := head("/x", "x-named", strings.Repeat(named("plain")+" ", 100)+named("colon"))
	x := w.begin()
	if _, refused, err := x.RequestHead(w.granted(t, lines, use(t, "plain", "header:x-named"), use(t, "colon", "header:x-named"))); err != nil || refused != nil {
		t.Fatal(err, refused)
	}
	x.End(nil)
	if got := fmt.Sprint(w.entries[0].End.Substitutions); got != "[{plain header:x-named 100} {colon header:x-named 1}]" {
		t.Errorf("recorded %s", got)
	}
}

func TestNewNamesWhatIsMissing(t *testing.T) {
	if _, err := New(Deps{}); err == nil || !strings.Contains(err.Error(), "no ") {
		t.Errorf("got %v", err)
	}
	w := newWorld(t)
	d := w.engine.deps
	d.Observer, d.Now = nil, nil
	if _, err := New(d); err != nil {
		t.Error(err)
	}
	d.Leases = nil
	if _, err := New(d); err == nil {
		t.Error("made an engine without leases")
	}
}

func TestDeclaredLength(t *testing.T) {
	for sent, want := range map[string]int64{"": 0, "0": 0, "70000": 70000, "-1": 0, "many": 0, "99999999999999999999": 0} {
		if got := declaredLength([]access.Header{{Name: "content-length", Value: sent}}); got != want {
			t.Errorf("%q: %d, want %d", sent, got, want)
		}
	}
}

// TestValuesChangeUnderWay has a value replaced, and forgotten, while a response
// comes: the old one and the new one are masked to its end, in all of its parts.
func TestValuesChangeUnderWay(t *testing.T) {
	w := newWorld(t)
	x := w.asked(t)
	const renewed = "renewed-Zk3vQ9x1LmT7rW2"
	both := "old " + values["plain"] + " new " + renewed
	p := named("plain")
	change := func() {
		snap, err := Compile([32]byte{5}, w.snap.rules, map[string]secret.Value{"plain": secret.New([]byte(renewed))}, nil)
		if err != nil {
			t.Fatal(err)
		}
		w.snap = snap
	}
	change()
	lines := head("", "x-echo", both).Headers
	changed, refused, err := x.ResponseHead(ResponseHead{Status: 200, Headers: lines})
	if got := text(apply(changed, lines)); err != nil || refused != nil || got != "x-echo: old "+p+" new "+p {
		t.Errorf("head: %q, %v, %v", got, refused, err)
	}
	change()
	body, err := x.ResponseBody(nil, []byte(both), false)
	if err != nil {
		t.Fatal(err)
	}
	change()
	lines = head("", "x-late", both).Headers
	body, changed, err = x.ResponseTrailers(body, lines)
	if err != nil || string(body) != "old "+p+" new "+p {
		t.Errorf("body: %q, %v", body, err)
	}
	if got := text(apply(changed, lines)); got != "x-late: old "+p+" new "+p {
		t.Errorf("trailers: %q", got)
	}
	if len(x.masks) != 2 {
		t.Errorf("%d sets of masks, want the first and the last", len(x.masks))
	}
}
