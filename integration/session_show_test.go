package integration

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// threat is what a backend writes to whoever reads it in a terminal.
const threat = "\x1b]0;owned\x07 \x1b[2J\u202etxt.exe done"

// recorded is a masking world in which an agent has had a session named "s1", and
// what it got, by path.
type recorded struct {
	*masking
	got    map[string][]byte
	binary []byte
}

// pace is how far apart the events of the stream are.
const pace = 300 * time.Millisecond

func newRecorded(t *testing.T) *recorded {
	t.Helper()
	r := &recorded{got: map[string][]byte{}, binary: make([]byte, 2000)}
	rand.Read(r.binary)
	r.masking = newMasking(t, map[string]http.HandlerFunc{
		"/v1/echo": func(w http.ResponseWriter, q *http.Request) {
			w.Header().Set("content-type", "application/json")
			fmt.Fprintf(w, `{"you sent": %q}`, q.Header.Get("authorization"))
		},
		"/v1/binary": func(w http.ResponseWriter, q *http.Request) {
			w.Header().Set("content-type", "application/octet-stream")
			w.Write(r.binary)
		},
		"/v1/threat": func(w http.ResponseWriter, q *http.Request) { io.WriteString(w, threat) },
		"/v1/events": func(w http.ResponseWriter, q *http.Request) {
			w.Header().Set("content-type", "text/event-stream")
			for i := range 3 {
				fmt.Fprintf(w, "id: %d\ndata: %s\n\n", i, q.Header.Get("authorization"))
				http.NewResponseController(w).Flush()
				time.Sleep(pace)
			}
		},
	})
	for _, path := range []string{"echo", "binary", "threat", "events"} {
		_, body := r.get("/api/v1/"+path, append([]string{"x-cloakroom-session", "s1"}, r.masking.agent...)...)
		r.got[path] = []byte(body)
	}
	r.session(t, "s1", 4, true)
	return r
}

// exchanges are the ids of the session's, in order.
func (r *recorded) exchanges(t *testing.T) (ids []string) {
	t.Helper()
	for _, x := range r.session(t, "s1", 4, true) {
		ids = append(ids, x.Decision.Decision.Exchange)
	}
	return ids
}

// TestSessionShow reads a session in every form, and compares it with what the
// agent got.
func TestSessionShow(t *testing.T) {
	t.Parallel()
	r := newRecorded(t)
	text, stderr, code := command(t, r.dir, r.env, "session", "show", "s1")
	page(text, stderr)
	for _, want := range []string{"> GET /api/v1/echo\n", "> authorization: Bearer " + r.placeholder + "\n  « placeholder used here: demo at header:authorization »\n",
		"< 200 ", "< " + string(r.got["echo"]) + "\n  « masked here: demo ×1 »\n", "decision allow", "session s1", "< 00000000  ", "‹U+001B›]0;owned‹U+0007›", "‹U+202E›",
		"  token    taken out of x-cloakroom-token\n", "< id: 2\n"} {
		if code != 0 || !strings.Contains(text, want) {
			t.Errorf("session show: exit %d, no %q in %s%s", code, want, text, stderr)
		}
	}
	if strings.ContainsAny(text, "\x1b\x07\u202e") {
		t.Error("session show gives a terminal what a backend wrote")
	}
	for i, path := range []string{"echo", "binary", "threat", "events"} {
		body, stderr, code := command(t, r.dir, r.env, "session", "show", r.exchanges(t)[i], "--body", "got")
		if code != 0 || !bytes.Equal([]byte(body), r.got[path]) {
			t.Errorf("--body got of %s: exit %d, %d bytes, want %d: %s", path, code, len(body), len(r.got[path]), stderr)
		}
	}
	if !bytes.Equal(r.got["binary"], r.binary) {
		t.Error("the agent got other bytes than the backend sent")
	}
	for arguments, want := range map[string]string{"s1 --body got": "one exchange", "s1 --body none": "sent or got", "none": "session ls", "s1 --brief --json": "different"} {
		if _, stderr, code := command(t, r.dir, r.env, append([]string{"session", "show"}, strings.Fields(arguments)...)...); code == 0 || !strings.Contains(stderr, want) {
			t.Errorf("session show %s: exit %d: %s", arguments, code, stderr)
		}
	}
}

// TestASessionNamedAsAnExchange hides nothing: both are shown, and the body is that of
// the exchange.
func TestASessionNamedAsAnExchange(t *testing.T) {
	t.Parallel()
	r := newRecorded(t)
	id := r.exchanges(t)[0]
	r.get("/api/v1/threat", append([]string{"x-cloakroom-session", id}, r.masking.agent...)...)
	r.eventually("the exchange of that session has ended", func() bool {
		stdout, _, _ := command(t, r.dir, r.env, "session", "show", id, "--brief")
		return strings.Contains(stdout, "/v1/threat") && !strings.Contains(stdout, " -  ")
	})
	text, stderr, code := command(t, r.dir, r.env, "session", "show", id)
	page(text, stderr)
	if code != 0 || strings.Count(text, "\nexchange ")+1 != 2 || !strings.Contains(text, "> GET /api/v1/echo\n") || !strings.Contains(text, "> GET /api/v1/threat\n") {
		t.Errorf("exit %d: %s%s", code, text, stderr)
	}
	if body, stderr, code := command(t, r.dir, r.env, "session", "show", id, "--body", "got"); code != 0 || body != string(r.got["echo"]) {
		t.Errorf("--body: exit %d: %q, %s", code, body, stderr)
	}
	if all := r.acts(); !slices.ContainsFunc(all, func(a act) bool { return a.Name == "read" && a.Session == id && a.Exchange == id && a.N == 2 }) {
		t.Errorf("the log tells of %+v", all)
	}
}

// har is as much of a HAR document as is looked at.
type har struct {
	Log struct {
		Version string
		Entries []struct {
			Request  struct{ Method, URL string }
			Response struct {
				Status  int
				Content struct {
					Size           int
					Text, Encoding string
				}
			}
			Exchange string `json:"_exchange"`
			Messages []struct {
				Type, Data string
				Opcode     int
			} `json:"_webSocketMessages"`
		}
	}
}

func TestSessionHAR(t *testing.T) {
	t.Parallel()
	r := newRecorded(t)
	if stdout, stderr, code := command(t, r.dir, r.env, "session", "replay", "s1", "--har", "s1.har"); code != 0 || stdout != "" {
		t.Fatalf("--har: exit %d: %s%s", code, stdout, stderr)
	}
	if info, err := os.Stat(r.path("s1.har")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v, %v", info, err)
	}
	var doc har
	if err := json.Unmarshal([]byte(r.read("s1.har")), &doc); err != nil || doc.Log.Version != "1.2" || len(doc.Log.Entries) != 4 {
		t.Fatalf("%v: %+v", err, doc)
	}
	for i, path := range []string{"echo", "binary", "threat", "events"} {
		e := doc.Log.Entries[i]
		body := []byte(e.Response.Content.Text)
		if e.Response.Content.Encoding == "base64" {
			var err error
			if body, err = base64.StdEncoding.DecodeString(e.Response.Content.Text); err != nil {
				t.Error(err)
			}
		}
		if e.Request.URL != r.gateway+"/api/v1/"+path || e.Response.Status != 200 || !bytes.Equal(body, r.got[path]) || e.Response.Content.Size != len(body) {
			t.Errorf("%s: %s, status %d, %d bytes of %d", path, e.Request.URL, e.Response.Status, len(body), len(r.got[path]))
		}
	}
}

// TestSessionReplay plays a session back in about the time that it took, ten times
// as fast, and at once.
func TestSessionReplay(t *testing.T) {
	t.Parallel()
	r := newRecorded(t)
	events := r.exchanges(t)[3]
	took := func(arguments ...string) time.Duration {
		began := time.Now()
		stdout, stderr, code := command(t, r.dir, r.env, append([]string{"session", "replay", events}, arguments...)...)
		if code != 0 || strings.Count(stdout, "< data: Bearer "+r.placeholder) != 3 {
			t.Errorf("session replay %q: exit %d: %s%s", arguments, code, stdout, stderr)
		}
		return time.Since(began)
	}
	at, fast, paused := took("--speed", "0"), took("--speed", "10x"), took("--longest-pause", "1ms")
	whole := took()
	if whole < 2*pace || whole-at < 2*(fast-at) || whole < 2*paused {
		t.Errorf("the events came in %v; at once it takes %v, fast %v, with short pauses %v, as it was %v", 2*pace, at, fast, paused, whole)
	}
	for arguments, want := range map[string]string{"--step": "no terminal", "--speed -1": "10x", "--curl --har x": "different", "--curl": "--gateway URL", "--limit -1": "0 or more"} {
		_, stderr, code := command(t, r.dir, r.env, append([]string{"session", "replay", "s1"}, strings.Fields(arguments)...)...)
		if code != 2 || !strings.Contains(stderr, want) {
			t.Errorf("session replay %s: exit %d: %s", arguments, code, stderr)
		}
	}
}

// TestSessionCurl hands a session's requests to a real curl, which gets the same
// again.
func TestSessionCurl(t *testing.T) {
	t.Parallel()
	r := newRecorded(t)
	for i, path := range []string{"echo", "binary", "threat"} {
		line, stderr, code := command(t, r.dir, r.env, "session", "replay", r.exchanges(t)[i], "--curl", "--gateway", r.gateway)
		if code != 0 || !strings.Contains(line, "$CLOAKROOM_TOKEN") {
			t.Fatalf("--curl: exit %d: %s%s", code, line, stderr)
		}
		c := exec.Command("sh", "-c", line)
		c.Env = append(os.Environ(), "CLOAKROOM_TOKEN="+r.token(agentClient))
		out, err := c.Output()
		if err != nil || !bytes.Equal(out, r.got[path]) {
			t.Errorf("%s: %v: got %q, want %q", line, err, out, r.got[path])
		}
	}
}

// TestSessionSocket shows the messages of a WebSocket, both ways.
func TestSessionSocket(t *testing.T) {
	t.Parallel()
	k := newTalker(t, saying, "15m", asPrinted)
	c := k.socket()
	if err := c.Write(t.Context(), websocket.MessageText, []byte("text")); err != nil {
		t.Fatal(err)
	}
	_, answer, err := hear(t, c)
	if err != nil {
		t.Fatal(err)
	}
	c.Close(websocket.StatusNormalClosure, "")
	k.session(t, "sockets", 1, true)
	text, _, _ := command(t, k.dir, k.env, "session", "show", "sockets")
	message := regexp.MustCompile(`(?m)^([<>]) \[\+[0-9.]+s\] message of \d+ bytes\n[<>] (.*)$`)
	var said []string
	for _, m := range message.FindAllStringSubmatch(text, -1) {
		said = append(said, m[1]+m[2])
	}
	if strings.Join(said, "\n") != ">text\n<"+answer {
		t.Errorf("the messages: %q, want text and %q, in %s", said, answer, text)
	}
	stdout, _, _ := command(t, k.dir, k.env, "session", "replay", "sockets", "--har", "-")
	var doc har
	if err := json.Unmarshal([]byte(stdout), &doc); err != nil || len(doc.Log.Entries) != 1 || len(doc.Log.Entries[0].Messages) != 4 { // two are closes
		t.Fatalf("%v: %s", err, stdout)
	}
	if m := doc.Log.Entries[0].Messages; m[0].Type != "send" || m[0].Data != "text" || m[1].Type != "receive" || m[1].Data != answer {
		t.Errorf("the messages: %+v", m)
	}
}

// TestSessionBroken changes a byte of what is recorded: the exchange whose it was is
// said to be broken, and the others are shown.
func TestSessionBroken(t *testing.T) {
	t.Parallel()
	r := newRecorded(t)
	r.up.stop(t)
	packs, err := filepath.Glob(r.path("record/packs/*"))
	if err != nil || len(packs) == 0 {
		t.Fatalf("no packs: %v", err)
	}
	for _, path := range packs {
		pack, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if len(pack) > 0 {
			pack[len(pack)/2] ^= 1
		}
		if err := os.WriteFile(path, pack, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text, stderr, code := command(t, r.dir, r.env, "session", "show", "s1")
	if code != 1 || !strings.Contains(stderr, "not what the log says") || !strings.Contains(text, "  recorded ") ||
		strings.Count(text, "exchange 0") != 4 || !strings.Contains(text, "« masked here: demo ×1 »") {
		t.Errorf("exit %d: %s%s", code, text, stderr)
	}
}
