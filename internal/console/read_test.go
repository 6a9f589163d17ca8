package console

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"cloakroom/internal/record"
	"cloakroom/internal/recording"
)

// readings are all ways to what was said in an exchange.
func (w *world) readings(b *browser, bearer string) map[string]*httptest.ResponseRecorder {
	program := func(path string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("GET", home+path, nil)
		r.Header.Set("authorization", "Bearer "+bearer)
		got := httptest.NewRecorder()
		w.ServeHTTP(got, r)
		return got
	}
	return map[string]*httptest.ResponseRecorder{
		"the exchange":   b.post("/exchanges/x1"),
		"its HAR":        b.post("/exchanges/x1/har"),
		"the session":    b.post("/session", "id", "s1"),
		"the API":        program("/api/v1/exchanges/x1/transcript"),
		"the API's HAR":  program("/api/v1/exchanges/x1/har"),
		"without a post": b.get("/exchanges/x1"),
	}
}

const spoken = `{"amount`

// TestOnlyAuditorsRead looks for what was said in the answers to everybody.
func TestOnlyAuditorsRead(t *testing.T) {
	for role, reads := range map[string]int{"security": 5, "sre": 0, "oncall": 0} {
		w := newWorld(t)
		w.leases = append(w.leases, w.ask(refund, "please"))
		w.leases[len(w.leases)-1].ID = "l1" // an approver sees the exchange, and not what was said
		seen := 0
		for way, got := range w.readings(w.loggedIn(human("carol", role)), "carol:"+role) {
			text := strings.NewReplacer("&#34;", `"`, `\"`, `"`).Replace(got.Body.String())
			if strings.Contains(text, spoken) {
				seen++
			} else if got.Code == 200 && way != "without a post" || got.Code >= 500 {
				t.Errorf("%s reads %s: status %d: %s", role, way, got.Code, got.Body)
			}
		}
		if seen != reads || len(w.read) != reads {
			t.Errorf("%s read %d times, want %d; the log has %d", role, seen, reads, len(w.read))
		}
	}
}

// TestReadingIsAnEntry looks at the entries of what was read.
func TestReadingIsAnEntry(t *testing.T) {
	w := newWorld(t)
	b := w.loggedIn(human("carol", "security"))
	b.post("/exchanges/x1")
	b.post("/session", "id", "s1", "principal", agents+"#refund-bot")
	want := []record.Act{
		{Name: "read", By: people + "#carol", Principal: agents + "#refund-bot", Session: "s1", Exchange: "x1", N: 1, Detail: "page"},
		{Name: "read", By: people + "#carol", Principal: agents + "#refund-bot", Session: "s1", N: 3, Detail: "page"},
	}
	if fmt.Sprint(w.read) != fmt.Sprint(want) {
		t.Errorf("the log has %+v", w.read)
	}
	if got := b.send("POST", "/exchanges/x1", nil); got.Code != 403 || len(w.read) != 2 {
		t.Errorf("a form without the session's token: status %d", got.Code)
	}
}

// TestNoEntryNoReading fails the log: nothing is shown.
func TestNoEntryNoReading(t *testing.T) {
	w := newWorld(t)
	b := w.loggedIn(human("carol", "security"))
	b.post("/exchanges/x1") // the recordings can be read
	w.noLog = fmt.Errorf("writing to the disk at /secret/path: %w", record.ErrUnavailable)
	for way, got := range w.readings(b, "carol:security") {
		if way == "without a post" {
			continue
		}
		if text := got.Body.String(); got.Code != 503 || strings.Contains(text, "amount") || strings.Contains(text, "/secret") || !strings.Contains(text, "who read it") {
			t.Errorf("%s: status %d: %s", way, got.Code, text)
		}
	}
}

func TestRecordingIsAway(t *testing.T) {
	for _, tt := range []struct {
		err    error
		status int
		says   string
	}{
		{recording.ErrGone, 410, "to be kept for ever"},
		{recording.ErrErased, 410, "was erased"},
		{fmt.Errorf("reading pack \"/secret/p1\": %w", recording.ErrBroken), 500, "not what the log says"},
		{fmt.Errorf("reading pack \"/secret/p1\": %w: key", recording.ErrKey), 500, "under a key that is not here"},
		{errors.New("the disk at /secret/path"), 500, "went wrong"},
	} {
		w := newWorld(t)
		w.noTape = tt.err
		for way, got := range w.readings(w.loggedIn(human("carol", "security")), "carol:security") {
			status := tt.status
			if way == "the session" { // the other exchanges are shown
				status = 200
			}
			text := got.Body.String()
			if way != "without a post" && (got.Code != status || !strings.Contains(text, tt.says) || strings.Contains(text, "/secret") || strings.Contains(text, "amount")) {
				t.Errorf("%v: %s: status %d: %s", tt.err, way, got.Code, text)
			}
		}
	}
}

func TestNothingRecorded(t *testing.T) {
	w := newWorld(t)
	w.Console.Recordings = nil
	b := w.loggedIn(human("carol", "security"))
	if got := b.post("/exchanges/x1"); got.Code != 404 || !strings.Contains(got.Body.String(), "othing was recorded") {
		t.Errorf("status %d: %s", got.Code, got.Body)
	}
	if page := b.get("/exchanges/x1").Body.String(); strings.Contains(page, "Show what was said") || len(w.read) != 0 {
		t.Errorf("there is something to open: %s", page)
	}
}

// TestHostileContents has the agent and the backend write what would like to be
// more than text.
func TestHostileContents(t *testing.T) {
	w := newWorld(t)
	w.hostile = "<script>alert(1)</script></pre></title><img src=x onerror=alert(1)>\"'><style>*{}</style>{{.}}\u202e\x1b[31m\r\n" + "\u2066"
	b := w.loggedIn(human("carol", "security"))
	for way, answer := range map[string]*httptest.ResponseRecorder{"the exchange": b.post("/exchanges/x1"), "the session": b.post("/session", "id", "s1")} {
		got := strings.ReplaceAll(answer.Body.String(), "&#43;", "+")
		if found := inline.FindString(got); found != "" {
			t.Errorf("%s has %q", way, found)
		}
		for _, never := range []string{"<img", "</title><img", "\u202e", "\x1b", "\u2066", "ZgotmplZ"} {
			if strings.Contains(got, never) {
				t.Errorf("%s has %q", way, never)
			}
		}
		for _, want := range []string{"&lt;script&gt;alert(1)", `<mark class="odd">U+202E</mark><mark class="odd">^[</mark>[31m`, `<mark class="odd">U+2066</mark>`, `<mark class="odd">^J</mark>`,
			`<mark class="used">` + placeholder1, `<mark class="masked">` + placeholder1, `<mark class="masked">[masked]`, "used payments-write in header:authorization"} {
			if !strings.Contains(got, want) {
				t.Errorf("%s has no %q", way, want)
			}
		}
	}
	har := b.post("/exchanges/x1/har")
	if !json.Valid(har.Body.Bytes()) || har.Header().Get("content-disposition") != `attachment; filename="x1.har"` || har.Header().Get("content-type") != "application/json" {
		t.Errorf("the HAR: %v", har.Header())
	}
}
