package transcript

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/record"
	"cloakroom/internal/recording"
)

var update = flag.Bool("update", false, "write the golden files anew")

var epoch = time.Date(2026, 11, 5, 12, 0, 0, 0, time.UTC)

// hostile is what a backend could write to who looks at a terminal.
const hostile = "\x1b]0;owned\x07 \x1b[2J\u202etxt.exe\u009b31m \xff\r\ndone"

// each gives one exchange after another.
func each(xs []Exchange) iter.Seq2[*Exchange, error] {
	return func(yield func(*Exchange, error) bool) {
		for i := range xs {
			if !yield(&xs[i], nil) {
				return
			}
		}
	}
}

// exchange is the n-th of the session, n seconds after its begin.
func exchange(n int, method, path string) Exchange {
	id := strings.Repeat("0", 25) + string(rune('0'+n))
	at := epoch.Add(time.Duration(n) * time.Second)
	return Exchange{
		Exchange: record.Exchange{
			Decision: record.Entry{Time: at, Decision: &record.Decision{Exchange: id, Issuer: "https://idp.example", Subject: "agent-7",
				Session: "s1", Source: "127.0.0.1:40000", Method: method, Host: "api.example", Authority: "gateway:8080", Path: path,
				Outcome: access.Allow, Reason: "a rule permits it", Revision: "0123abcd"}},
			End: &record.Entry{Time: at.Add(900 * time.Millisecond), End: &record.End{Exchange: id, Status: 200}},
		},
		Recording: &recording.Transcript{Exchange: id, Began: at.Add(time.Millisecond), Complete: true},
	}
}

func (x *Exchange) event(ms int, e recording.Event) {
	e.At = time.Duration(ms) * time.Millisecond
	x.Recording.Events = append(x.Recording.Events, e)
}

func (x *Exchange) request(method, path string, headers ...access.Header) {
	x.event(0, recording.Event{Kind: recording.Request, Head: &recording.Head{Method: method, Authority: "gateway:8080", Path: path, Headers: headers}})
}

func (x *Exchange) response(ms, status int, kind string) {
	x.event(ms, recording.Event{Kind: recording.Response, Head: &recording.Head{Status: status, Headers: []access.Header{{Name: "content-type", Value: kind}}}})
}

// piece adds a piece of a body, or a message.
func (x *Exchange) piece(ms int, k recording.Kind, data string, masked map[string]int) {
	x.event(ms, recording.Event{Kind: k, Data: []byte(data), Masked: masked})
	sum := &x.Recording.Got
	if k == recording.Sent || k == recording.MessageSent {
		sum = &x.Recording.Sent
	}
	sum.Bytes += int64(len(data))
	sum.Kept += int64(len(data))
}

func (x *Exchange) uses(credential, location string) {
	d, e := x.Decision.Decision, x.End.End
	d.Uses = append(d.Uses, record.Use{Credential: credential, Location: location, Lease: "lease-1", LeaseEnds: epoch.Add(time.Hour)})
	e.Substitutions = append(e.Substitutions, record.Substitution{Credential: credential, Location: location, N: 1})
}

const placeholder = "ckr_read_0123456789abcdefghjkmnpqrs"

// session is one of each kind.
func session() []Exchange {
	post := exchange(1, "POST", "/v1/token?x=1")
	post.Decision.Decision.Tokens = []string{"x-cloakroom-token", "proxy-authorization"}
	post.uses("read", "header:authorization")
	post.uses("login", "form:client_secret")
	post.request("POST", "/api/v1/token?x=1", access.Header{Name: "authorization", Value: "Bearer " + placeholder},
		access.Header{Name: "cookie", Value: "a=b"}, access.Header{Name: "content-type", Value: "application/x-www-form-urlencoded"})
	post.piece(1, recording.Sent, "grant_type=x&client_", nil)
	post.piece(2, recording.Sent, "secret=it's", nil)
	post.response(100, 200, "application/json")
	post.piece(101, recording.Got, `{"echo":"`+placeholder+`",`, map[string]int{"read": 1})
	post.piece(102, recording.Got, `"other":"[masked]"}`, map[string]int{"read": 1, "other": 1})

	stream := exchange(2, "GET", "/events")
	stream.request("GET", "/api/events")
	stream.response(10, 200, "text/event-stream; charset=utf-8")
	stream.piece(20, recording.Got, "data: one\n\n", nil)
	stream.piece(520, recording.Got, "data: two\n\n", map[string]int{"read": 1})
	stream.event(530, recording.Event{Kind: recording.Trailers, Head: &recording.Head{Headers: []access.Header{{Name: "x-sum", Value: "1"}}}})

	socket := exchange(3, "GET", "/socket")
	socket.uses("read", "message:/token")
	socket.request("GET", "/api/socket", access.Header{Name: "upgrade", Value: "websocket"})
	socket.response(5, 101, "")
	socket.piece(6, recording.MessageSent, `{"token":"`+placeholder+`"}`, nil)
	socket.piece(7, recording.MessageGot, "hello", nil)
	socket.piece(8, recording.MessageGot, "\x00\xff", nil)
	socket.Recording.Events[len(socket.Recording.Events)-1].Binary = true
	control := func(ms int, k recording.Kind, name, payload string) {
		socket.event(ms, recording.Event{Kind: k, Head: &recording.Head{Headers: []access.Header{{Name: name, Value: payload}}}})
	}
	control(9, recording.ControlSent, "ping", "alive\x1b[2J")
	control(10, recording.Control, "pong", "")
	control(11, recording.Control, "close", "\x0f\xa0tired")
	control(12, recording.ControlSent, "close", "\x03")

	denied := exchange(4, "DELETE", "/v1/x")
	d := denied.Decision.Decision
	d.Outcome, d.Code, d.Reason = access.Deny, access.NotGranted, "no rule permits it"
	d.Seen = []record.Seen{{Placeholder: record.Placeholder{Text: placeholder, Named: true}, Location: "header:authorization"}}
	denied.End, denied.Recording, denied.Missing = nil, nil, recording.ErrGone

	evil := exchange(5, "GET", "/evil|{")
	evil.request("GET", "/evil|{\u202e%zz", access.Header{Name: "x-a", Value: "b\tc"})
	evil.response(4, 200, "text/plain")
	evil.piece(5, recording.Got, hostile, nil)
	evil.Recording.Got.Bytes += 1000
	return []Exchange{post, stream, socket, denied, evil}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s", name, got)
	}
}

func TestWrite(t *testing.T) {
	var b strings.Builder
	xs := session()
	for i := range xs {
		if err := Write(&b, &xs[i], Limit); err != nil {
			t.Fatal(err)
		}
	}
	golden(t, "session.txt", b.String())
}

func TestPlayedInOrder(t *testing.T) {
	xs := session()
	xs[1].Recording.Began = xs[0].Recording.Began // they overlap
	xs[1].Decision.Time = xs[0].Decision.Time
	var b strings.Builder
	last := time.Time{}
	for m, err := range Moments(each(xs)) {
		if err != nil {
			t.Fatal(err)
		}
		if m.At.Before(last) {
			t.Errorf("%v comes after %v", m.At, last)
		}
		last = m.At
		if err := WriteMoment(&b, m, 0); err != nil {
			t.Fatal(err)
		}
	}
	golden(t, "played.txt", b.String())
}

// A body that came byte by byte is joined in time and memory that grow with it, and
// the pieces stay as they are.
func TestJoinedByteByByte(t *testing.T) {
	x := exchange(1, "POST", "/")
	x.request("POST", "/")
	const n = 16 << 10
	for i := range n {
		x.piece(1+i, recording.Sent, "a", map[string]int{"read": 1})
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	all := x.joined()
	runtime.ReadMemStats(&after)
	body := all[2].Event
	if len(body.Data) != n || body.Masked["read"] != n || x.Recording.Events[1].Masked["read"] != 1 || len(x.Recording.Events[1].Data) != 1 {
		t.Errorf("got %d bytes, %v", len(body.Data), body.Masked)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > 1000*n {
		t.Errorf("joining %d bytes took %d bytes of memory", n, took)
	}
}

// An error comes behind what was read before it, and ends whoever heeds it.
func TestMomentsUntilAnError(t *testing.T) {
	broken, xs := errors.New("broken"), session()[:1]
	n := 0
	for m, err := range Moments(func(yield func(*Exchange, error) bool) {
		_ = yield(&xs[0], nil) && yield(nil, broken)
	}) {
		if want := len(xs[0].moments()); (err != nil) != (n == want) || err == nil && m.Exchange != &xs[0] {
			t.Errorf("%d of %d: %v, %v", n, want, m, err)
		}
		n++
	}
}

// A recording that is missing before its time is not said to be over.
func TestEarly(t *testing.T) {
	gone := fmt.Errorf("reading pack %q: %w", "p", recording.ErrGone)
	for _, tt := range []struct {
		err   error
		until time.Time
		want  string
	}{
		{nil, time.Time{}, ""},
		{recording.ErrBroken, epoch.Add(time.Hour), recording.ErrBroken.Error()},
		{gone, epoch.Add(-time.Hour), gone.Error()},
		{gone, epoch.Add(24 * time.Hour), "to be kept until 2026-11-06:"},
		{gone, time.Time{}, "to be kept for ever:"},
	} {
		err := Early(tt.err, tt.until, epoch)
		if !errors.Is(err, tt.err) || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v until %v: got %v", tt.err, tt.until, err)
		}
	}
}

func TestLimit(t *testing.T) {
	x := session()[0]
	for limit, want := range map[int]string{5: "> grant\n> … and 26 bytes more\n", 0: "> grant_type=x&client_secret=it's\n"} {
		var b strings.Builder
		if err := Write(&b, &x, limit); err != nil || !strings.Contains(b.String(), want) {
			t.Errorf("limit %d: %v, no %q in %s", limit, err, want, b.String())
		}
	}
}

// JSON says the same, and nothing in it steers a terminal.
func TestJSON(t *testing.T) {
	for _, text := range []string{"plain äöü", hostile, "\u009b31m\u202e\u007f\U000e0001\ufeff", "<&>\"\\\u2028"} {
		before, err := json.Marshal(map[string]string{text: text})
		if err != nil {
			t.Fatal(err)
		}
		after, had, has := JSON(append(before, '\n')), map[string]string{}, map[string]string{}
		if err := errors.Join(json.Unmarshal(before, &had), json.Unmarshal(after, &has)); err != nil || !maps.Equal(had, has) || !Harmless(after) {
			t.Errorf("%q: got %s, %v", text, after, err)
		}
	}
	if got := string(JSON([]byte("{\"\xff\":1}"))); got != `{"\ufffd":1}` {
		t.Errorf("got %s", got)
	}
}

func TestVisible(t *testing.T) {
	for text, want := range map[string]string{
		"plain äöü 漢字":       "plain äöü 漢字",
		hostile:              "‹U+001B›]0;owned‹U+0007› ‹U+001B›[2J‹U+202E›txt.exe‹U+009B›31m ‹ff›‹U+000D›‹U+000A›done",
		"\ufffd\u200b\ufe0f": "‹U+FFFD›‹U+200B›‹U+FE0F›",
	} {
		if got := Visible(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestHarmless(t *testing.T) {
	for text, want := range map[string]bool{"": true, "a\tb\näöü": true, "a\r": false, hostile: false, "\x00": false, "\u202e": false, "\xff": false} {
		if got := Harmless([]byte(text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func FuzzVisible(f *testing.F) {
	f.Add(hostile)
	f.Fuzz(func(t *testing.T, text string) {
		for _, line := range append(Lines(text), append(dump([]byte(text)), Visible(text))...) {
			for _, r := range strings.ReplaceAll(line, "\t", "") {
				if hidden(r) {
					t.Fatalf("%q shows %U", text, r)
				}
			}
		}
	})
}

func TestBody(t *testing.T) {
	xs := session()
	for _, c := range []struct {
		name string
		x    int
		side recording.Kind
		want string
		err  error
	}{
		{"sent", 0, recording.Sent, "grant_type=x&client_secret=it's", nil},
		{"got", 4, recording.Got, hostile, nil},
		{"empty", 1, recording.Sent, "", nil},
		{"messages", 2, recording.Got, "hello\x00\xff", nil},
		{"gone", 3, recording.Got, "", recording.ErrGone},
	} {
		got, err := xs[c.x].Body(c.side)
		if string(got) != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s: got %q, %v", c.name, got, err)
		}
	}
	xs[0].Recording.Events = nil
	if _, err := xs[0].Body(recording.Sent); !errors.Is(err, ErrNoBody) {
		t.Errorf("not kept: %v", err)
	}
	if _, err := (&Exchange{}).Body(recording.Got); !errors.Is(err, recording.ErrNotRecorded) {
		t.Errorf("not recorded: %v", err)
	}
}
