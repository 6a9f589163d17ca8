package exchange

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"strings"
	"testing"

	"cloakroom/internal/access"
	"cloakroom/internal/inventory"
)

const isJSON = "application/json"

// shown is head on the route on which bodies are shown.
func shown(contentType string, pairs ...string) RequestHead {
	h := head("/x", append([]string{"content-type", contentType}, pairs...)...)
	h.Route, h.Body = "route+body", true
	return h
}

func member(text string) string { return `{"note":"` + text + `","secret":"` + text + `"}` }

func part(text string) string {
	return "--B\r\ncontent-disposition: form-data; name=secret\r\n\r\n" + text + "\r\n--B--"
}

// upload runs a request whose body comes in pieces of size bytes.
func (w *world) upload(t testing.TB, h RequestHead, body string, size int) (x *Exchange, up string, refused *access.Refusal) {
	t.Helper()
	x = w.begin()
	_, refused, err := x.RequestHead(h)
	var out []byte
	for err == nil && refused == nil {
		n := min(size, len(body))
		piece := []byte(body[:n])
		body = body[n:]
		out, refused, err = x.RequestBody(out, piece, body == "")
		clear(piece)
		if err == nil && refused == nil && body == "" {
			break
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	if x.Held() {
		t.Error("held when all has come")
	}
	return x, string(out), refused
}

// TestEveryValueAtEveryFieldIsOneText: whatever a value holds, it stays the text
// of its field, or is refused.
func TestEveryValueAtEveryFieldIsOneText(t *testing.T) {
	w := newWorld(t)
	refused := map[string]bool{"part newline": true}
	for name, v := range values {
		p := named(name)
		for kind, tt := range map[string]struct{ contentType, body, location string }{
			"json": {isJSON, member(p), "body:/secret"},
			"form": {"application/x-www-form-urlencoded", "note=" + p + "&secret=" + p, "form:secret"},
			"part": {"multipart/form-data; boundary=B", part(p), "form:secret"},
		} {
			h := w.granted(t, shown(tt.contentType), use(t, name, tt.location))
			x, up, r := w.upload(t, h, tt.body, 7)
			if r != nil || refused[kind+" "+name] {
				if r == nil || !refused[kind+" "+name] || r.Code != access.Unavailable {
					t.Errorf("%s %s: %v", kind, name, r)
				}
				continue
			}
			var note, secret string
			switch kind {
			case "json":
				var got struct{ Note, Secret string }
				if err := json.Unmarshal([]byte(up), &got); err != nil {
					t.Errorf("%s: %v in %q", name, err, up)
				}
				note, secret = got.Note, got.Secret
			case "form":
				got, err := url.ParseQuery(up)
				if err != nil {
					t.Error(err)
				}
				note, secret = got.Get("note"), got.Get("secret")
			case "part":
				note, secret = p, strings.TrimSuffix(strings.TrimPrefix(up, part("")[:strings.Index(part(""), "\r\n\r\n")+4]), "\r\n--B--")
			}
			if note != p || secret != v {
				t.Errorf("%s %s: note %q, secret %q in %q", kind, name, note, secret, up)
			}
			if x.mask(name) != p || len(x.entry.substituted) != 1 {
				t.Errorf("%s %s: masked by %q, %d substituted", kind, name, x.mask(name), len(x.entry.substituted))
			}
		}
	}
}

// TestABoundaryIsNoOracle: whether a value may stand in a part follows from the
// value alone. By the boundary, which the caller chooses, it could be guessed.
func TestABoundaryIsNoOracle(t *testing.T) {
	for _, value := range []string{"a\nb", "a\rb", "ab--cd", "--"} {
		if _, err := encode([]byte(value), inventory.Part); err == nil {
			t.Errorf("%q may stand in a part", value)
		}
	}
}

// TestRefusesABody. Each is refused before it is let go.
func TestRefusesABody(t *testing.T) {
	for _, tt := range []struct {
		name string
		h    func(*world) RequestHead
		body string
		code access.Code
	}{
		{"not granted", func(w *world) RequestHead { return w.granted(t, shown(isJSON)) }, member(named("plain")), access.NotGranted},
		{"granted at another place", func(w *world) RequestHead {
			return w.granted(t, shown("application/x-www-form-urlencoded"), use(t, "plain", "body:/secret"))
		}, "secret=" + named("plain"), access.NotGranted},
		{"the lease has ended", func(w *world) RequestHead {
			w.stands["lease-plain"] = Over
			return w.granted(t, shown(isJSON), use(t, "plain", "body:/secret"))
		}, member(named("plain")), access.LeaseExpired},
		{"no value", func(w *world) RequestHead { return w.granted(t, shown(isJSON), use(t, "unreadable", "body:/secret")) }, member(named("unreadable")), access.Unavailable},
		{"no JSON", func(w *world) RequestHead { return w.granted(t, shown(isJSON), use(t, "plain", "body:/secret")) }, member(named("plain")) + "x", access.Denied},
		{"a charset", func(w *world) RequestHead { return w.granted(t, shown(isJSON+"; charset=utf-16")) }, "{}", access.Denied},
		{"compressed", func(w *world) RequestHead { return w.granted(t, shown(isJSON, "content-encoding", "x-none")) }, "{}", access.Unsupported},
	} {
		for _, size := range []int{1, 1000} {
			w := newWorld(t)
			_, up, r := w.upload(t, tt.h(w), tt.body, size)
			if r == nil || r.Code != tt.code || strings.Contains(up, values["plain"]) && tt.name != "no JSON" {
				t.Errorf("%s: got %v, and %q went up", tt.name, r, up)
			}
		}
	}
}

// TestABodyIsHeldUntilItIsJudged: until its end, or JudgedBody bytes of it.
func TestABodyIsHeldUntilItIsJudged(t *testing.T) {
	w := newWorld(t)
	x := w.begin()
	if _, r, err := x.RequestHead(w.granted(t, shown(isJSON), use(t, "plain", "body:/secret"))); r != nil || err != nil || !x.Held() {
		t.Fatal(r, err, x.Held())
	}
	step := func(text string, end, held bool) string {
		t.Helper()
		out, r, err := x.RequestBody(nil, []byte(text), end)
		if r != nil || err != nil || x.Held() != held {
			t.Errorf("%v, %v, held: %v", r, err, x.Held())
		}
		return string(out)
	}
	step(strings.Repeat(" ", access.JudgedBody-1), false, true)
	step(" ", false, false)
	if got := step(`{"secret":"`+named("plain")+`"}`, false, false); got != `{"secret":"`+values["plain"]+`"}` {
		t.Errorf("got %q", got)
	}
	step("", true, false)
	step("", true, false) // Envoy may repeat the end
	if _, _, err := x.RequestBody(nil, []byte("x"), true); !errors.Is(err, ErrOrder) {
		t.Errorf("behind the end: %v", err)
	}
}

// TestATicketMustStandInWhatIsJudged: beyond it nobody has looked it up, and the
// text could be forged.
func TestATicketMustStandInWhatIsJudged(t *testing.T) {
	ticket := "ckr_plain_" + strings.Repeat("0", 26)
	fill := strings.Repeat(" ", access.JudgedBody)
	for _, tt := range []struct {
		name, body string
		headers    []string
		ok         bool
	}{
		{"within", member(ticket) + fill, nil, true},
		{"beyond", fill + member(ticket), nil, false},
		{"across", fill[:access.JudgedBody-30] + member(ticket), nil, false},
		{"beyond, and in a header", fill + member(ticket), []string{"authorization", "Bearer " + ticket}, true},
		{"a named one, beyond", fill + member(named("plain")), nil, true},
	} {
		for _, size := range []int{len(tt.body), 4 << 10, access.JudgedBody - 1} {
			w := newWorld(t)
			h := w.granted(t, shown(isJSON, tt.headers...), use(t, "plain", "body:/secret", "header:authorization"))
			_, up, r := w.upload(t, h, tt.body, size)
			if (r == nil) != tt.ok || r != nil && r.Code != access.NotGranted || tt.ok != strings.Contains(up, values["plain"]) {
				t.Errorf("%s, in pieces of %d: %v", tt.name, size, r)
			}
		}
	}
}

// TestATicketWhoseFieldEndsWithWhatIsJudged: whoever saw that much of a form did
// not know that the field ended there.
func TestATicketWhoseFieldEndsWithWhatIsJudged(t *testing.T) {
	for fill, ok := range map[int]bool{access.JudgedBody: false, access.JudgedBody - 1: true} {
		body := "&secret=ckr_plain_" + strings.Repeat("0", 26)
		body = strings.Repeat("x", fill-len(body)) + body
		for _, size := range []int{len(body), 4 << 10} {
			w := newWorld(t)
			h := w.granted(t, shown("application/x-www-form-urlencoded"), use(t, "plain", "form:secret"))
			if _, _, r := w.upload(t, h, body, size); (r == nil) != ok || r != nil && r.Code != access.NotGranted {
				t.Errorf("a body of %d bytes, in pieces of %d: %v", fill, size, r)
			}
		}
	}
}

// TestAPlaceThatGoesWhileABodyComes gets no value any more.
func TestAPlaceThatGoesWhileABodyComes(t *testing.T) {
	w := newWorld(t)
	x := w.begin()
	if _, r, err := x.RequestHead(w.granted(t, shown(isJSON), use(t, "plain", "body:/secret"))); r != nil || err != nil {
		t.Fatal(r, err)
	}
	if _, r, err := x.RequestBody(nil, []byte(strings.Repeat(" ", access.JudgedBody)), false); r != nil || err != nil || x.Held() {
		t.Fatal(r, err)
	}
	none, err := inventory.New(key, nil, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	if w.snap, err = Compile([32]byte{5}, none, nil, nil); err != nil {
		t.Fatal(err)
	}
	if out, r, err := x.RequestBody(nil, []byte(member(named("plain"))), true); r == nil || r.Code != access.NotGranted || err != nil || len(out) > 0 {
		t.Errorf("got %q, %v, %v", out, r, err)
	}
}

func TestABodyThatIsNotShownIsInert(t *testing.T) {
	w := newWorld(t)
	h := w.granted(t, head("/x", "content-type", isJSON), use(t, "plain", "body:/secret"))
	h.Body = true
	if _, up, r := w.upload(t, h, member(named("plain")), 5); r != nil || up != member(named("plain")) {
		t.Errorf("got %q, %v", up, r)
	}
}

// TestDigestsOfAChangedBodyGo, and those of one that stays do not.
func TestDigestsOfAChangedBodyGo(t *testing.T) {
	w := newWorld(t)
	for _, uses := range [][]access.Use{nil, {use(t, "plain", "header:authorization")}, {use(t, "plain", "body:/secret")}} {
		h := w.granted(t, shown(isJSON, "content-md5", "x", "repr-digest", "x", "content-digest", "x", "digest", "x"), uses...)
		change, r, err := w.begin().RequestHead(h)
		if r != nil || err != nil {
			t.Fatal(r, err)
		}
		lines := text(apply(change, h.Headers))
		changes := len(uses) > 0 && uses[0].Locations[0].InFields()
		if strings.Contains(lines, "digest") == changes || strings.Contains(lines, "content-md5") == changes {
			t.Errorf("uses %v: %s", uses, lines)
		}
	}
}

func TestABodyOutOfOrder(t *testing.T) {
	w := newWorld(t)
	x := w.begin()
	if _, _, err := x.RequestBody(nil, nil, true); !errors.Is(err, ErrOrder) {
		t.Errorf("before the head: %v", err)
	}
	x = w.begin()
	if _, r, err := x.RequestHead(w.granted(t, head("/x"))); r != nil || err != nil {
		t.Fatal(r, err)
	}
	if _, _, err := x.RequestBody(nil, []byte("x"), true); !errors.Is(err, ErrOrder) {
		t.Errorf("where none was to come: %v", err)
	}
}

// TestAMessageGetsWhatIsGranted, and the tunnel lives under that lease too.
func TestAMessageGetsWhatIsGranted(t *testing.T) {
	ticket := "ckr_plain_" + strings.Repeat("0", 26)
	short := func(text string) string { return `{"secret":"` + text + `"}` }
	for _, tt := range []struct {
		name, message, want string
		uses                []access.Use
		err                 error
		says                string
	}{
		{"granted", short(named("plain")), short(values["plain"]), []access.Use{use(t, "plain", "message:/secret")}, nil, ""},
		{"nothing to put in", "{}", "{}", nil, nil, ""},
		{"not granted", short(named("plain")), "", nil, ErrLate, "a placeholder stands at message:/secret and was not granted there"},
		{"granted in a body", short(named("plain")), "", []access.Use{use(t, "plain", "body:/secret")}, ErrLate, "a placeholder stands at message:/secret and was not granted there"},
		{"a ticket", short(ticket), "", []access.Use{use(t, "plain", "message:/secret")}, ErrLate, "a ticket cannot stand at message:/secret; send the named placeholder"},
		{"no JSON", "x", "", nil, ErrLate, "the body is not the JSON that its content-type promises"},
	} {
		w := newWorld(t)
		h := head("/x", "upgrade", "websocket")
		h.Route, h.Body = "route+upgrade", true
		x := w.begin()
		if _, r, err := x.RequestHead(w.granted(t, h, tt.uses...)); r != nil || err != nil || x.Held() {
			t.Fatal(r, err)
		}
		if _, r, err := x.ResponseHead(switching()); r != nil || err != nil {
			t.Fatal(r, err)
		}
		if len(x.LivesUnder()) != len(tt.uses) {
			t.Errorf("%s: lives under %d leases", tt.name, len(x.LivesUnder()))
		}
		frame := func(text string) string { // masked by zeros
			return "\x81" + string([]byte{0x80 | byte(len(text))}) + "\x00\x00\x00\x00" + text
		}
		out, r, err := x.RequestBody(nil, []byte(frame(tt.message)), false)
		if r != nil || !errors.Is(err, tt.err) || err == nil && !strings.HasSuffix(string(out), tt.want) || err != nil && len(out) > 0 {
			t.Errorf("%s: %q, %v, %v", tt.name, out, r, err)
		}
		if x.End(err); err != nil && !strings.HasPrefix(w.entries[0].End.Error, tt.says+"; ") {
			t.Errorf("%s: the log says %q", tt.name, w.entries[0].End.Error)
		}
	}
}

func compressed(text string) string {
	var b strings.Builder
	w := gzip.NewWriter(&b)
	io.WriteString(w, text)
	w.Close()
	return b.String()
}

// TestACompressedBodyIsNotHeldWithoutBound: one that grows much goes on before all
// that was judged is read once more.
func TestACompressedBodyIsNotHeldWithoutBound(t *testing.T) {
	w := newWorld(t)
	x := w.begin()
	defer x.End(nil)
	if _, r, err := x.RequestHead(w.granted(t, shown(isJSON, "content-encoding", "gzip"))); r != nil || err != nil {
		t.Fatal(r, err)
	}
	piece := compressed(strings.Repeat(" ", 200_000)) + strings.Repeat(compressed(" "), 50)
	held := 0
	for ; x.Held() && held <= mostHeld; held += 200_050 {
		if out, r, err := x.RequestBody(nil, []byte(piece), false); len(out) != 200_050 || r != nil || err != nil {
			t.Fatalf("behind %d: %d bytes, %v, %v", held, len(out), r, err)
		}
	}
	if x.Held() || held < mostHeld || x.up.judged == access.JudgedBody {
		t.Errorf("behind %d bytes held: %v; %d were judged", held, x.Held(), x.up.judged)
	}
}

// TestACompressedBodyIsDecoded and goes up without its coding; a bomb does not.
func TestACompressedBodyIsDecoded(t *testing.T) {
	w := newWorld(t)
	for _, size := range []int{1, 50, 10_000} {
		h := w.granted(t, shown(isJSON, "content-encoding", "gzip", "content-digest", "x"), use(t, "plain", "body:/secret"))
		x, up, r := w.upload(t, h, compressed(member(named("plain"))), size)
		x.End(nil)
		if r != nil || up != `{"note":"`+named("plain")+`","secret":"`+values["plain"]+`"}` {
			t.Errorf("in pieces of %d: %q, %v", size, up, r)
		}
	}
	h := w.granted(t, shown(isJSON, "content-encoding", "gzip", "content-digest", "x"))
	x := w.begin()
	change, r, err := x.RequestHead(h)
	if lines := text(apply(change, h.Headers)); r != nil || err != nil || strings.Contains(lines, "content-encoding") || strings.Contains(lines, "digest") {
		t.Errorf("%s, %v, %v", lines, r, err)
	}
	x.End(nil)
	for name, body := range map[string]string{"cut": compressed(member("x"))[:30], "a bomb": compressed(strings.Repeat(" ", 4<<20)), "garbage behind it": compressed("{}") + "{}"} {
		x, _, r := w.upload(t, w.granted(t, shown(isJSON, "content-encoding", "gzip")), body, 4<<10)
		x.End(nil)
		if r == nil || r.Code != access.Denied {
			t.Errorf("%s: %v", name, r)
		}
	}
}
