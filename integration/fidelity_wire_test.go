package integration

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
	testgrpc "google.golang.org/grpc/interop/grpc_testing"
)

// TestFidelityOfAWebSocket: the messages of both sides are recorded as each end saw
// them, in order, without their frames.
func TestFidelityOfAWebSocket(t *testing.T) {
	t.Parallel()
	k := newTalker(t, saying, "15m", asPrinted)
	c := k.socket()
	var want []string
	for _, text := range []string{"text", "binary", "nothing", "fragments"} {
		tell(t, c, text)
		kind, got, err := hear(t, c)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, "send 1 "+text, fmt.Sprintf("receive %d %s", kind, got))
	}
	if err := c.Write(t.Context(), websocket.MessageBinary, []byte("\x00"+k.key)); err != nil {
		t.Fatal(err)
	}
	_, got, _ := hear(t, c)
	want = append(want, "send 2 \x00"+strings.Repeat("*", len(k.key)), "receive 1 "+got)
	c.Close(websocket.StatusNormalClosure, "")
	want = append(want, "send 8 \x03\xe8", "receive 8 \x03\xe8")
	x := k.tapes(t, "sockets", 1)[0]
	if x.Response.Status != http.StatusSwitchingProtocols {
		t.Errorf("status %d", x.Response.Status)
	}
	var all []string
	for _, m := range x.Messages {
		data := m.Data
		if m.Opcode != 1 {
			data = plain(t, data, "base64")
		}
		all = append(all, fmt.Sprintf("%s %d %s", m.Type, m.Opcode, data))
	}
	if !slices.Equal(all, want) {
		t.Errorf("recorded %q\nwant %q", all, want)
	}
}

// TestFidelityOfGRPC: a stream of messages each way, at equal length, and its end.
func TestFidelityOfGRPC(t *testing.T) {
	t.Parallel()
	c := newCaller(t)
	s, err := c.FullDuplexCall(c.with(c.placeholder), grpc.WaitForReady(true))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 { // each waits for its answer
		if err := s.Send(&testgrpc.StreamingOutputCallRequest{Payload: payload(fmt.Sprint("asked ", i))}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Recv(); err != nil {
			t.Fatal(err)
		}
	}
	s.CloseSend()
	if _, err := s.Recv(); err != io.EOF {
		t.Fatal(err)
	}
	x := c.tapes(t, "calls", 1)[0]
	for i := range 3 {
		if asked := fmt.Sprint("asked ", i); strings.Count(x.sent(t), asked) != 1 || !strings.Contains(x.got(t), asked) {
			t.Errorf("%s: recorded %q and %q", asked, x.sent(t), x.got(t))
		}
	}
	if !strings.Contains(x.got(t), c.stars) {
		t.Errorf("got %q", x.got(t))
	}
}

var tokenMark = regexp.MustCompile(`\[token [0-9a-f]{16}\]`)

// TestTicketsAndTokensAreNotRecorded, wherever the agent wrote them.
func TestTicketsAndTokensAreNotRecorded(t *testing.T) {
	t.Parallel()
	f := newFaithful(t)
	const token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzb21lYm9keSJ9.c29tZWJvZHktc29tZWJvZHktc29tZWJvZHk"
	ticket := f.ticket(agentClient, "demo")
	r, err := http.NewRequest(http.MethodPost, f.gateway+"/api/v1/x", strings.NewReader(`{"secret":"`+ticket+`","note":"`+token+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	answer, body := f.do(r, "authorization", "Bearer "+ticket, "content-type", "application/json", "x-cloakroom-session", "strays")
	if answer.StatusCode != http.StatusOK || !strings.Contains(body, ticket) {
		t.Fatalf("got %d %s", answer.StatusCode, body)
	}
	d := f.session(t, "strays", 1, true)[0].Decision.Decision
	x := f.tapes(t, "strays", 1)[0]
	mark := "ckr_demo_[ticket " + d.Uses[0].Lease + "]"
	if got := linesOf(x.Request.Headers); !strings.Contains(got, "authorization: Bearer "+mark) {
		t.Errorf("of the head there is recorded\n%s", got)
	}
	if got := x.sent(t); !strings.HasPrefix(got, `{"secret":"`+mark+`","note":"[token `) {
		t.Errorf("sent is recorded as %s", got)
	}
	if want := strings.ReplaceAll(body, ticket, mark); strings.ReplaceAll(want, token, tokenMark.FindString(x.got(t))) != x.got(t) {
		t.Errorf("got is recorded as %s", x.got(t))
	}
}

// TestNoRecordNoAnswer: an answer that cannot be written down does not come to its
// end, and all is well again once it can.
func TestNoRecordNoAnswer(t *testing.T) {
	t.Parallel()
	f := newFaithful(t)
	ask := func(session string) (whole bool) {
		r, err := http.NewRequest(http.MethodGet, f.gateway+"/api/v1/noise", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header = http.Header{"X-Cloakroom-Token": {f.token(agentClient)}, "Authorization": {"Bearer " + f.placeholder}, "X-Cloakroom-Session": {session}}
		answer, err := f.client.Do(r)
		if err != nil {
			return false
		}
		defer answer.Body.Close()
		n, err := io.Copy(io.Discard, answer.Body)
		return err == nil && answer.StatusCode == http.StatusOK && n == noise
	}
	if !ask("written") {
		t.Fatal("no answer comes")
	}
	f.session(t, "written", 1, true)
	pid := f.up.cmd.Process.Pid
	var limit unix.Rlimit
	if err := unix.Prlimit(pid, unix.RLIMIT_FSIZE, nil, &limit); err != nil {
		t.Fatal(err)
	}
	// room for the log, and for no part of such an answer in any file
	if err := unix.Prlimit(pid, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: logSize(t, f.dir) + 16<<10, Max: limit.Max}, nil); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if ask("unwritten") {
			t.Error("an answer came to its end that is not recorded")
		}
	}
	if err := unix.Prlimit(pid, unix.RLIMIT_FSIZE, &limit, nil); err != nil {
		t.Fatal(err)
	}
	f.eventually("with room again all is well", func() bool { return ask("again") })
}

// TestPersonalData: rules say what is kept of bodies, and of which nothing is.
func TestPersonalData(t *testing.T) {
	t.Parallel()
	f := &faithful{key: value(), other: value(), bodies: make(chan string, 100)}
	f.backend = backend(t, f.answer)
	config := strings.Replace(recordedCredential, "record: {bodies: 1MiB}", `record:
  rules:
    - {paths: ["/v1/people/**"], bodies: none}
    - {credentials: [demo], hosts: [api.test], bodies: hash}`, 1)
	f.world = newWorld(t, setup{Values: map[string]string{"DEMO_KEY": f.key, "OTHER_KEY": f.other}, Config: config,
		Upstreams: []string{`{host: api.test, prefix: /api, address: "` + f.backend.address() + `"}`}})
	f.placeholder = f.world.placeholder("demo")
	for path, kept := range map[string]string{"/api/v1/people/7": "none", "/api/v1/x": "hash"} {
		session := "personal-" + kept
		r, err := http.NewRequest(http.MethodPost, f.gateway+path, strings.NewReader("born in 1970"))
		if err != nil {
			t.Fatal(err)
		}
		f.do(r, "x-cloakroom-token", f.token(agentClient), "authorization", "Bearer "+f.placeholder, "x-cloakroom-session", session)
		if e := f.session(t, session, 1, true)[0].End.End; e.Kept != kept {
			t.Errorf("%s: kept %q", path, e.Kept)
		}
		if x := f.tapes(t, session, 1)[0]; x.sent(t) != "" || x.got(t) != "" || x.Response.Status != http.StatusOK {
			t.Errorf("%s: recorded %q and %q", path, x.sent(t), x.got(t))
		}
	}
}

// logSize is the size in bytes of the log's largest segment.
func logSize(t *testing.T, dir string) (size uint64) {
	t.Helper()
	segments, err := filepath.Glob(filepath.Join(dir, "record", "*.log"))
	if err != nil || len(segments) == 0 {
		t.Fatalf("no segment of the log: %v", err)
	}
	for _, path := range segments {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		size = max(size, uint64(info.Size()))
	}
	return size
}
