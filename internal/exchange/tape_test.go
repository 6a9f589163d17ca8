package exchange

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/inventory"
	"cloakroom/internal/record"
	"cloakroom/internal/recording"
	"cloakroom/internal/secret"
)

// exchanged runs a whole exchange, its bodies in pieces of size bytes.
func (w *world) exchanged(t testing.TB, q RequestHead, sent string, h ResponseHead, got string, size int, trailers ...string) *Exchange {
	t.Helper()
	x := w.begin()
	_, refused, err := x.RequestHead(q)
	for len(sent) > 0 && refused == nil && err == nil {
		n := min(size, len(sent))
		_, refused, err = x.RequestBody(nil, []byte(sent[:n]), n == len(sent))
		sent = sent[n:]
	}
	if refused == nil && err == nil {
		_, refused, err = x.ResponseHead(h)
	}
	for refused == nil && err == nil && len(got) > 0 {
		n := min(size, len(got))
		_, err = x.ResponseBody(nil, []byte(got[:n]), n == len(got) && len(trailers) == 0)
		got = got[n:]
	}
	if err == nil && refused == nil && len(trailers) > 0 {
		_, _, err = x.ResponseTrailers(nil, head("", trailers...).Headers)
	}
	if err != nil {
		t.Fatal(err)
	}
	x.End(nil)
	return x
}

// TestTheTape holds what the agent sent and got, however it was cut.
func TestTheTape(t *testing.T) {
	v, p := values["plain"], named("plain")
	in := "authorization"
	for name, tt := range map[string]struct {
		q        RequestHead
		sent     string
		h        ResponseHead
		got      string
		trailers []string
		want     []string
	}{
		"a body each way": {
			q: shown("application/json", in, "Bearer "+p), sent: `{"a":1}`,
			h: grpcHead("application/json"), got: `{"b":"` + v + `"}`,
			want: []string{"request GET api.example.com /x | authorization: Bearer " + p + " | content-type: application/json", `sent {"a":1}`,
				"response 200 | content-type: application/json", `got {"b":"` + p + `"} map[plain:1]`},
		},
		"a prefix, a length, and what a backend may not say": {
			q: func() RequestHead { h := head("/api/x?y=1", in, p); h.Route = "prefixed"; return h }(),
			h: ResponseHead{Status: 404, Headers: head("", "content-length", "2", "etag", `"abc"`, "x", v).Headers}, got: "no",
			want: []string{"request GET api.example.com /api/x?y=1 | authorization: " + p, "response 404 | x: " + p + " map[plain:1]", "got no"},
		},
		"values that the agent sent": {
			q: shown("application/json", "x-"+v, "a", "x", v, in, p), sent: `["` + values["semi"] + `"]`,
			h: ResponseHead{Status: 204, End: true},
			want: []string{"request GET api.example.com /x | [masked]: a | authorization: " + p + " | content-type: application/json | x: [masked] map[plain:2]",
				`sent ["[masked]"] map[semi:1]`, "response 204"},
		},
		"a coded body": {
			q: shown("text/plain", "content-encoding", "gzip", in, p), sent: zipped("hello " + v),
			h: ResponseHead{Status: 200, Headers: head("", "content-encoding", "gzip").Headers}, got: zipped("world " + v),
			want: []string{"request GET api.example.com /x | authorization: " + p + " | content-encoding: gzip | content-type: text/plain", "sent hello [masked] map[plain:1]",
				"response 200", "got world " + p + " map[plain:1]"},
		},
		"a coding that nobody can read": {
			q: shown("text/plain", "content-encoding", "rot13", in, p), sent: "uryyb " + v, h: ResponseHead{Status: 200, End: true},
			want: []string{"request GET api.example.com /x | authorization: " + p + " | content-encoding: rot13 | content-type: text/plain", "sent uryyb [masked] map[plain:1]", "response 200"},
		},
		"a coding that it is not in": {
			q: shown("text/plain", "content-encoding", "gzip", in, p), sent: "hello " + v, h: ResponseHead{Status: 200, End: true},
			want: []string{"request GET api.example.com /x | authorization: " + p + " | content-encoding: gzip | content-type: text/plain", "sent hello [masked] map[plain:1]", "response 200"},
		},
		"gRPC": {
			q: shown("application/grpc", in, p), sent: prefixed(0, "ask "+v), h: grpcHead("application/grpc"), got: prefixed(0, "tell "+v),
			trailers: []string{"grpc-status", "0", "grpc-message", v},
			want: []string{"request GET api.example.com /x | authorization: " + p + " | content-type: application/grpc",
				"sent " + prefixed(0, "ask "+strings.Repeat("*", len(v))) + " map[plain:1]", "response 200 | content-type: application/grpc",
				"got " + prefixed(0, "tell "+strings.Repeat("*", len(v))) + " map[plain:1]", "trailers grpc-message: " + p + " | grpc-status: 0 map[plain:1]"},
		},
		"a refusal of the answer": {
			q: head("/x", in, p), h: ResponseHead{Status: 206},
			want: []string{"request GET api.example.com /x | authorization: " + p, "response 403 | content-type: application/json",
				"got " + string((&access.Refusal{Code: access.Denied, Message: "the backend answered with a part of the body that nobody asked for", Record: "exchange-1"}).JSON())},
		},
		"a refusal of the request": {
			q: head("/x", in, named("semi")),
			want: []string{"request GET api.example.com /x | authorization: " + named("semi"), "response 403 | content-type: application/json",
				"got " + string((&access.Refusal{Code: access.NotGranted, Message: "a placeholder stands at header:authorization and was not granted there", Record: "exchange-1"}).JSON())},
		},
		"a refusal of the body": {
			q: shown("application/json", in, p), sent: `{"secret":"` + p + `"`,
			want: []string{"request GET api.example.com /x | authorization: " + p + " | content-type: application/json", `sent {"secret":"` + p + `"`,
				"response 403 | content-type: application/json",
				"got " + string((&access.Refusal{Code: access.NotGranted, Message: "a placeholder stands at body:/secret and was not granted there", Record: "exchange-1"}).JSON())},
		},
	} {
		for _, size := range []int{1, 5, 1 << 20} {
			w := newWorld(t)
			ts := w.record(t)
			q, h := tt.q, tt.h // values come to stand in their lines
			q.Headers, h.Headers = slices.Clone(q.Headers), slices.Clone(h.Headers)
			w.exchanged(t, w.granted(t, q, use(t, "plain", "header:authorization")), tt.sent, h, tt.got, size, tt.trailers...)
			t.Run(fmt.Sprint(name, " by ", size), func(t *testing.T) { ts.is(t, tt.want...) })
		}
	}
}

// TestTickets: the tape is told whose lease a ticket is of before it stands there.
func TestTickets(t *testing.T) {
	w := newWorld(t)
	ts := w.record(t)
	inHead, err := inventory.NewTicket("plain")
	if err != nil {
		t.Fatal(err)
	}
	inBody, err := inventory.NewTicket("semi")
	if err != nil {
		t.Fatal(err)
	}
	q := w.granted(t, shown("application/json", "authorization", inHead), use(t, "plain", "header:authorization"), use(t, "semi", "body:/secret"))
	w.exchanged(t, q, `{"secret":"`+inBody+`"}`, ResponseHead{Status: 200, End: true}, "", 1<<20)
	if got := ts.all[0].tickets; len(got) != 2 || got[inHead] != "lease-plain" || got[inBody] != "lease-semi" {
		t.Errorf("got %v", got)
	}
	if want := "api.example.com/x[plain semi]"; len(ts.asked) != 1 || ts.asked[0] != want {
		t.Errorf("the rule was asked for %q", ts.asked)
	}
}

// TestTheTapeOfAnEventStream has the time of each event.
func TestTheTapeOfAnEventStream(t *testing.T) {
	w := newWorld(t)
	ts := w.record(t)
	x := w.asked(t)
	x.ResponseHead(grpcHead("text/event-stream"))
	for _, event := range []string{"data: 1\n\n", "data: " + values["plain"] + "\n\n", "data: 3\n\n"} {
		w.now = w.now.Add(time.Second)
		if _, err := x.ResponseBody(nil, []byte(event), false); err != nil {
			t.Fatal(err)
		}
	}
	x.End(errCut)
	ts.is(t, ts.all[0].events[0].String(), "response 200 | content-type: text/event-stream", "1s got data: 1\n\n",
		"2s got data: "+named("plain")+"\n\n map[plain:1]", "3s got data: 3\n\n")
}

// TestTheTapeOfAWebSocket has the messages of both sides, without their frames.
func TestTheTapeOfAWebSocket(t *testing.T) {
	w := newWorld(t)
	ts := w.record(t)
	x := w.upgraded(t, nil)
	v := values["plain"]
	for _, message := range []string{"\x81\x83\x00\x00\x00\x00abc", "\x01\x81\x01\x01\x01\x01`", "\x80\x81\x00\x00\x00\x00b", "\x81" + string([]byte{0x80 + byte(len(v))}) + "\x00\x00\x00\x00" + v,
		"\x89\x81\x01\x01\x01\x01`", "\x8a\x80\x00\x00\x00\x00", "\x88" + string([]byte{0x82 + byte(len(v))}) + "\x00\x00\x00\x00\x03\xe9" + v} {
		if _, _, err := x.RequestBody(nil, []byte(message), false); err != nil {
			t.Fatal(err)
		}
	}
	for _, message := range []string{"\x81" + string(rune(len(v))) + v, "\x82\x01x", "\x89\x01p", "\x8a\x00", "\x88" + string(rune(2+len(v))) + "\x03\xe8" + v} {
		if _, err := x.ResponseBody(nil, []byte(message), false); err != nil {
			t.Fatal(err)
		}
	}
	if ts.all[0].whole != 1 {
		t.Error("not all was written before the close frame went")
	}
	x.End(nil)
	ts.is(t, ts.all[0].events[0].String(), ts.all[0].events[1].String(),
		"message_sent abc.ab.[masked]. map[plain:1]", "control_sent ping: a", "control_sent pong:",
		"control_sent close: \x03\xe9"+strings.Repeat("*", len(v))+" map[plain:1]", "message_got "+named("plain")+`."x". map[plain:1]`,
		"control ping: p", "control pong:", "control close: \x03\xe8"+strings.Repeat("*", len(v))+" map[plain:1]")
	x = w.upgraded(t, nil)
	if out, _, err := x.RequestBody(nil, []byte("no frames"), false); err == nil || len(out) > 0 {
		t.Errorf("what nobody can read went on: %q, %v", out, err)
	}
}

// TestManyControlFrames: the first are recorded, and the close; the others are counted.
func TestManyControlFrames(t *testing.T) {
	const more = 9
	for keep, want := range map[recording.Keep]struct{ frames, hashed, counted int }{ // frames, pings, bytes
		recording.Full: {mostControls + 1, 0, more},
		recording.Hash: {0, mostControls + more, 0},
		recording.None: {0, 0, mostControls + more + len("\x03\xe8")},
	} {
		w := newWorld(t)
		ts := w.record(t)
		ts.rule.Bodies = keep
		x := w.upgraded(t, nil)
		for _, frame := range append(slices.Repeat([]string{"\x89\x81\x00\x00\x00\x00p"}, mostControls+more), "\x88\x82\x00\x00\x00\x00\x03\xe8") {
			if _, _, err := x.RequestBody(nil, []byte(frame), false); err != nil {
				t.Fatal(err)
			}
		}
		x.End(nil)
		got := want
		got.frames, got.hashed, got.counted = 0, 0, 0
		for _, e := range ts.all[0].events {
			switch e.kind {
			case recording.ControlSent:
				got.frames++
			case recording.MessageSent:
				got.counted += strings.Count(e.text, "?")
				got.hashed += strings.Count(e.text, `"p"`)
			}
		}
		if got != want {
			t.Errorf("%s: got %+v, want %+v", keep, got, want)
		}
	}
}

// TestWhatIsKeptOfBodies follows the rule; a body that is not shown is counted as
// its head says.
func TestWhatIsKeptOfBodies(t *testing.T) {
	w := newWorld(t)
	ts := w.record(t)
	ts.rule.Bodies = recording.None
	q := w.granted(t, shown("text/plain", "x", "1"))
	w.exchanged(t, q, "hello", ResponseHead{Status: 200}, "bye", 2)
	ts.is(t, ts.all[0].events[0].String(), "sent ?????", "response 200", "got ???")
	w = newWorld(t)
	ts = w.record(t)
	w.exchanged(t, w.granted(t, head("/x", "content-length", "7")), "", ResponseHead{Status: 200, End: true}, "", 2)
	ts.is(t, "request GET api.example.com /x | content-length: 7", "sent ???????", "response 200")
}

// TestStrict fails each flush in turn: from there on nothing goes up, and the last
// of the answer does not go down.
func TestStrict(t *testing.T) {
	for fails := 1; ; fails++ {
		w := newWorld(t)
		ts := w.record(t)
		ts.fails = fails
		up, down, went := w.attempt(t)
		if ts.flushes < fails {
			if up != "head"+"sent"+"sent" || down != "head"+"got"+"got"+"end" {
				t.Fatalf("nothing fails, and there went %q, and came %q", up, down)
			}
			return
		}
		if strings.Contains(down, "end") || went == nil {
			t.Errorf("flush %d fails: there went %q, and came %q", fails, up, down)
		}
		if want := []string{"", "head", "headsent"}; fails <= len(want) && up != want[fails-1] {
			t.Errorf("flush %d fails: there went %q, want %q", fails, up, want[fails-1])
		}
		if e := ts.all[0].ends; len(e) != 1 || e[0].Error == "" {
			t.Errorf("flush %d fails: the end is %+v", fails, e)
		}
	}
}

// attempt runs an exchange until it fails, and tells what went up and down.
func (w *world) attempt(t *testing.T) (up, down string, err error) {
	t.Helper()
	x := w.begin()
	defer func() { x.End(err) }()
	step := func(to *string, what string, r *access.Refusal, failed error) bool {
		switch {
		case r != nil && r.Code != access.Unavailable:
			t.Errorf("refused %v", r)
		case failed != nil && !errors.Is(failed, ErrRecord):
			t.Errorf("failed %v", failed)
		}
		if err = failed; r != nil {
			err = r
		}
		if err == nil {
			*to += what
		}
		return err == nil
	}
	_, r, failed := x.RequestHead(w.granted(t, shown("text/plain", "authorization", named("plain")), use(t, "plain", "header:authorization")))
	ok := step(&up, "head", r, failed)
	for i := 0; ok && i < 2; i++ {
		var out []byte
		out, r, failed = x.RequestBody(nil, []byte("sent"), i == 1)
		ok = step(&up, string(out), r, failed)
	}
	if ok {
		_, r, failed = x.ResponseHead(grpcHead("text/event-stream"))
		ok = step(&down, "head", r, failed)
	}
	for i := 0; ok && i < 2; i++ {
		_, failed = x.ResponseBody(nil, []byte("got\n\n"), false)
		ok = step(&down, "got", nil, failed)
	}
	if ok {
		_, _, failed = x.ResponseTrailers(nil, nil)
		step(&down, "end", nil, failed)
	}
	return up, down, err
}

// TestNotReady: what cannot be recorded does not begin, and the log says so.
func TestNotReady(t *testing.T) {
	w := newWorld(t)
	ts := w.record(t)
	ts.unready = errFull
	x := w.begin()
	_, r, err := x.RequestHead(w.granted(t, head("/x", "authorization", named("plain")), use(t, "plain", "header:authorization")))
	if err != nil || r == nil || r.Code != access.Unavailable || len(ts.all) != 0 || len(w.spends) != 0 {
		t.Errorf("got %v, %v, %d tapes", r, err, len(ts.all))
	}
	x.End(nil)
	if len(w.entries) != 1 || w.entries[0].End.Code != access.Unavailable || !w.entries[0].End.Lost {
		t.Errorf("got %+v", w.entries)
	}
}

// TestShareIsUsedUp: only the principal that has used its share is refused, and hears
// that it is its own.
func TestShareIsUsedUp(t *testing.T) {
	w := newWorld(t)
	ts := w.record(t)
	ts.unready = fmt.Errorf("%w: too much", recording.ErrShare)
	x := w.begin()
	h := w.granted(t, head("/x", "authorization", named("plain")), use(t, "plain", "header:authorization"))
	_, r, err := x.RequestHead(h)
	if err != nil || r == nil || r.Code != access.Unavailable || !strings.Contains(r.Message, "one principal's recordings") {
		t.Errorf("got %v, %v", r, err)
	}
	x.End(nil)
	w.engine.Refused(access.Refused{Principal: "another", Request: &access.Request{Time: start}, Decision: access.Decision{Refusal: r}})
	if toCaller, err := w.engine.Ready("third"); !errors.Is(err, recording.ErrShare) || toCaller != r.Message {
		t.Errorf("got %q, %v", toCaller, err)
	}
	if want := []string{x.grant.Principal, "another", "third"}; !slices.Equal(ts.principals, want) || want[0] == "" {
		t.Errorf("it was asked for %q", ts.principals)
	}
	ts.unready = nil
	w.asked(t)
	if n := len(ts.principals); n < 2 || ts.principals[n-1] != x.grant.Principal || ts.principals[n-2] != x.grant.Principal {
		t.Errorf("it was begun for %q", ts.principals)
	}
}

// TestInstead: a refusal takes the place of an answer that could not be recorded.
func TestInstead(t *testing.T) {
	w := newWorld(t)
	ts := w.record(t)
	x := w.asked(t)
	x.ResponseHead(ResponseHead{Status: 200})
	ts.fails = ts.flushes + 1
	out, err := x.ResponseBody(nil, []byte("hello"), true)
	if !errors.Is(err, ErrRecord) || len(out) > 0 {
		t.Errorf("got %q, %v", out, err)
	}
	if r := x.Instead(err); r == nil || r.Code != access.Unavailable {
		t.Errorf("got %v", r)
	}
	if r := x.Instead(errCut); r != nil {
		t.Errorf("any error is a refusal: %v", r)
	}
}

// TestSets: the end names each pattern set that the exchange lived under.
func TestSets(t *testing.T) {
	w := newWorld(t)
	ts := w.record(t)
	first := w.snap
	x := w.asked(t)
	again, err := Compile([32]byte{5}, first.rules, w.values, map[string][]secret.Value{"plain": {secret.New([]byte("former-Zk3vQ9x1LmT7rW2"))}})
	if err != nil {
		t.Fatal(err)
	}
	other, err := Compile([32]byte{5}, first.rules, w.values, nil)
	if err != nil {
		t.Fatal(err)
	}
	keyed, err := Compile([32]byte{6}, first.rules, w.values, nil)
	if err != nil {
		t.Fatal(err)
	}
	if again.ID() != first.ID() || other.ID() == first.ID() || keyed.ID() == other.ID() || len(first.ID()) != 16 {
		t.Errorf("ids %q %q %q %q", first.ID(), again.ID(), other.ID(), keyed.ID())
	}
	w.snap = again
	x.ResponseHead(ResponseHead{Status: 200})
	w.snap = other
	x.ResponseBody(nil, []byte("x"), true)
	x.End(nil)
	if got := ts.all[0].ends[0].Set; got != first.ID()+","+other.ID() {
		t.Errorf("got %q", got)
	}
}

// TestRefused records what never became an exchange.
func TestRefused(t *testing.T) {
	w := newWorld(t)
	ts := w.record(t)
	d := access.Decision{Exchange: "exchange-9", Refusal: &access.Refusal{Code: access.ApprovalPending, Message: "wait", RetryAfter: time.Second}}
	d.Change.SetResponseHeaders = []access.Header{{Name: "x-policy", Value: values["semi"]}}
	q := &access.Request{Time: start.Add(-time.Second), Method: "POST", Authority: "api.example.com", Path: "/x?key=" + values["plain"],
		Headers: head("", "content-length", "99", "content-type", "application/json").Headers, Body: []byte(`{"a":"` + values["plain"] + `"`)}
	w.engine.Refused(access.Refused{Request: q, Target: access.Target{Host: "api.example.com", Path: "/x"}, Credentials: []string{"plain"},
		Tickets: map[string]string{"ckr_a": "l1"}, Decision: d})
	ts.is(t, "request POST api.example.com /x?key=[masked] | content-length: 99 | content-type: application/json map[plain:1]",
		`sent {"a":"[masked]" map[plain:1]`, "1s response 403 | content-type: application/json | retry-after: 1 | x-policy: [masked] map[semi:1]",
		"1s got "+string(d.Refusal.JSON()))
	e := ts.all[0].ends[0]
	want := record.End{Exchange: "exchange-9", Status: 403, Code: access.ApprovalPending, RequestBytes: 99, ResponseBytes: int64(len(d.Refusal.JSON()))}
	if e.Exchange != want.Exchange || e.Status != want.Status || e.Code != want.Code || e.RequestBytes != want.RequestBytes || e.ResponseBytes != want.ResponseBytes ||
		e.Set != w.snap.ID() || ts.all[0].tickets["ckr_a"] != "l1" {
		t.Errorf("got %+v", e)
	}
	if n := len(w.told); w.told[n-1] != "value sent plain" || n > 1 && w.told[n-2] == w.told[n-1] || e.Error != `the caller sent the real value of "plain"` {
		t.Errorf("somebody heard of it: %q, %q", w.told, e.Error)
	}
}

// TestEndsWithinAValue: what is cut, by its caller or by the gateway, is recorded but
// for what may be the beginning of a value.
func TestEndsWithinAValue(t *testing.T) {
	text, half := strings.Repeat("a b ", 16<<10), values["plain"][:len(values["plain"])-1]
	for name, cut := range map[string]func(w *world){
		"by the gateway": func(w *world) {
			q := &access.Request{Time: start, Method: "POST", Authority: "api.example.com", Path: "/x", Body: []byte(text + half), BodyTruncated: true}
			w.engine.Refused(access.Refused{Request: q, Decision: access.Decision{Exchange: "exchange-9"}})
		},
		"by its caller": func(w *world) {
			x := w.begin()
			q := head("/x")
			q.Body = true
			if _, r, err := x.RequestHead(w.granted(t, q)); r != nil || err != nil {
				t.Fatal(r, err)
			}
			if _, r, err := x.RequestBody(nil, []byte(text+half), false); r != nil || err != nil {
				t.Fatal(r, err)
			}
			x.End(errors.New("it was cut"))
		},
	} {
		w := newWorld(t)
		ts := w.record(t)
		cut(w)
		sent := ""
		for _, e := range ts.all[0].events {
			if e.kind == recording.Sent {
				sent += e.text
			}
		}
		if want := text + strings.Repeat("?", len(half)); sent != want {
			t.Errorf("%s: recorded %d bytes, which end with %q", name, len(sent), sent[max(0, len(sent)-50):])
		}
	}
}

// TestRefusedWithoutRoom: what is kept free is not for refusals.
func TestRefusedWithoutRoom(t *testing.T) {
	w := newWorld(t)
	ts := w.record(t)
	ts.unready = errFull
	q := &access.Request{Time: start, Method: "GET", Authority: "api.example.com", Path: "/x?key=" + values["plain"]}
	w.engine.Refused(access.Refused{Request: q, Decision: access.Decision{Exchange: "exchange-9",
		Refusal: &access.Refusal{Code: access.Unavailable}}})
	if len(ts.all) != 0 || len(w.entries) != 1 {
		t.Fatalf("%d tapes, %d entries", len(ts.all), len(w.entries))
	}
	if e := w.entries[0].End; e.Exchange != "exchange-9" || !e.Lost || e.Status != 403 || e.Code != access.Unavailable ||
		e.Error != `the caller sent the real value of "plain"` {
		t.Errorf("got %+v", e)
	}
}

// TestKeepsLength: only what goes on byte for byte keeps its length, recorded or not.
func TestKeepsLength(t *testing.T) {
	streamed, other, coded, upgrade := head("/x", "content-type", isJSON), shown("text/plain"), shown(isJSON, "content-encoding", "gzip"), head("/x", "upgrade", "websocket")
	streamed.Body = true
	upgrade.Body, upgrade.Route = true, "route+upgrade"
	for name, tt := range map[string]struct {
		q    RequestHead
		want bool
	}{
		"no body": {head("/x"), true}, "one that is only recorded": {streamed, true}, "one without fields": {other, true},
		"one with fields": {shown(isJSON), false}, "a coded one": {coded, false}, "messages": {upgrade, false},
	} {
		for _, recorded := range []bool{false, true} {
			w := newWorld(t)
			if recorded {
				w.record(t)
			}
			x := w.begin()
			change, r, err := x.RequestHead(w.granted(t, tt.q))
			if err != nil || r != nil || change.KeepsLength != tt.want {
				t.Errorf("%s, recorded %v: %v, %v, %v", name, recorded, change.KeepsLength, r, err)
			}
			if answer, _, err := x.ResponseHead(ResponseHead{Status: 200, End: true}); err != nil || answer.KeepsLength {
				t.Errorf("%s: the answer keeps its length: %v", name, err)
			}
		}
	}
}
