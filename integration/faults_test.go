package integration

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// pausing is a backend whose answers stop in the middle: after a first event
// each waits for proceed, and then gives back what it got.
type pausing struct {
	*seen
	proceed chan struct{}
}

func newPausing(t *testing.T) *pausing {
	t.Helper()
	p := &pausing{proceed: make(chan struct{})}
	p.seen = backend(t, func(w http.ResponseWriter, r *http.Request) {
		got := r.Header.Get("authorization")
		if !strings.HasSuffix(r.URL.Path, "/pause") {
			echo(w, r)
			return
		}
		w.Header().Set("content-type", "text/event-stream")
		io.WriteString(w, "data: first\n\n")
		w.(http.Flusher).Flush()
		select {
		case <-p.proceed:
			io.WriteString(w, "data: "+got+"\n\n")
		case <-r.Context().Done():
		}
	})
	return p
}

// flow is an exchange under way: its first event has come.
type flow struct {
	t      *testing.T
	answer *http.Response
	got    strings.Builder
}

// begin sends a request whose answer stops in the middle.
func (w *world) begin(headers ...string) *flow {
	w.t.Helper()
	f := &flow{t: w.t, answer: w.open("/api/v1/pause", headers...)}
	w.t.Cleanup(func() { f.answer.Body.Close() })
	if f.answer.StatusCode != http.StatusOK {
		w.t.Fatalf("status %d", f.answer.StatusCode)
	}
	for b := make([]byte, 64); !strings.Contains(f.got.String(), "first\n\n"); {
		n, err := f.answer.Body.Read(b)
		f.got.Write(b[:n])
		if err != nil {
			w.t.Fatalf("reading the first event: %v", err)
		}
	}
	return f
}

// end reads what is left.
func (f *flow) end() outcome {
	f.t.Helper()
	b, err := io.ReadAll(f.answer.Body)
	f.got.Write(b)
	var timeout net.Error
	return outcome{Response: f.answer, body: f.got.String(), err: err, hung: errors.As(err, &timeout) && timeout.Timeout()}
}

// faulty is a rig with a pausing backend, and what its agent sends.
type faulty struct {
	*rig
	*pausing
	key, placeholder string
	headers          []string
}

func newFaulty(t *testing.T) *faulty {
	t.Helper()
	f := &faulty{key: value(), pausing: newPausing(t)}
	f.rig = newRig(t, demo(f.key, f.address()), asPrinted)
	f.placeholder = f.rig.placeholder("demo")
	f.headers = []string{"x-cloakroom-token", f.token(agentClient), "authorization", "Bearer " + f.placeholder}
	return f
}

// serves checks that all is well again.
func (f *faulty) serves() {
	f.t.Helper()
	f.eventually("requests are served again", func() bool {
		got := f.try("/api/v1/x", f.headers...)
		if got.shows(f.key) {
			f.t.Fatal("the value came back")
		}
		return got.status() == 200 && strings.Contains(got.body, f.placeholder)
	})
	if f.last().Header.Get("authorization") != "Bearer "+f.key {
		f.t.Error("the backend did not get the value")
	}
}

// refuses checks that a request gets an error, and the backend nothing.
func (f *faulty) refuses() {
	f.t.Helper()
	before := f.count()
	got := f.try("/api/v1/x", f.headers...)
	if got.hung || got.status() != 503 || !strings.Contains(got.body, `"unavailable"`) {
		f.t.Errorf("got %d %v %s, want 503 unavailable", got.status(), got.err, got.body)
	}
	if got.shows(f.key) || f.count() != before {
		f.t.Error("the value came back, or the backend heard of it")
	}
}

// cut checks that an exchange ended in an error, with nothing behind its first
// event.
func (f *faulty) cut(got outcome) {
	f.t.Helper()
	if got.hung || got.err == nil {
		f.t.Errorf("the client got %v after %q, want an error in time", got.err, got.body)
	}
	if got.shows(f.key) || !strings.HasSuffix(got.body, "first\n\n") {
		f.t.Errorf("%d bytes came, of which the first event should be all", len(got.body))
	}
}

// halt stops a process as it stands, and returns once every thread has stopped.
func (p *process) halt(t *testing.T) {
	t.Helper()
	p.signal(syscall.SIGSTOP)
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", p.cmd.Process.Pid))
		running := 0
		for _, path := range threads {
			text, err := os.ReadFile(path)
			if _, rest, ok := strings.Cut(string(text), ") "); err == nil && ok && rest[0] != 'T' {
				running++
			}
		}
		if running == 0 && len(threads) > 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not stop", p.name)
		}
	}
}

// TestServiceFailsMidResponse: whatever becomes of the service, the client gets
// an error and no byte that was not masked; afterwards all is as before.
func TestServiceFailsMidResponse(t *testing.T) {
	t.Parallel()
	f := newFaulty(t)
	for name, fault := range map[string]func(){
		"killed":               func() { f.service.kill() },
		"killed and restarted": func() { f.service.kill(); f.serve(); f.serves() },
		"stopped":              func() { f.service.halt(t) },
	} {
		t.Run(name, func(t *testing.T) {
			flow := f.begin(f.headers...)
			fault()
			over := make(chan struct{})
			go func() { // the backend says the value, unless it was cut too
				select {
				case f.proceed <- struct{}{}:
				case <-over:
				}
			}()
			f.cut(flow.end())
			close(over)
			f.service.signal(syscall.SIGCONT)
			select {
			case <-f.service.done:
				f.serve()
			default:
			}
			f.serves()
		})
	}
}

// TestServiceFailsBeforeTheRequest: nothing goes up, and the answer comes in
// time.
func TestServiceFailsBeforeTheRequest(t *testing.T) {
	t.Parallel()
	f := newFaulty(t)
	f.serves()
	f.service.halt(t)
	f.refuses()
	f.refuses()
	f.service.signal(syscall.SIGCONT)
	f.serves()
	f.service.kill()
	f.refuses()
	f.serve()
	f.serves()
}

// TestServiceDrains: after SIGTERM the exchange under way finishes, masked, and
// new ones are refused.
func TestServiceDrains(t *testing.T) {
	t.Parallel()
	f := newFaulty(t)
	flow := f.begin(f.headers...)
	f.service.signal(syscall.SIGTERM)
	f.logged(f.service, "draining", "msg")
	f.refuses()
	f.proceed <- struct{}{}
	got := flow.end()
	if got.err != nil || !strings.HasSuffix(got.body, "data: Bearer "+f.placeholder+"\n\n") {
		t.Errorf("the exchange under way got %v after %q, want its end, masked", got.err, got.body)
	}
	select {
	case <-f.service.done:
		if f.service.err != nil {
			t.Errorf("the service ended with %v", f.service.err)
		}
	case <-time.After(30 * time.Second):
		t.Error("the service does not end")
	}
	f.serve()
	f.serves()
}

// TestUpDrains is the same with Envoy as a child: its clients finish too.
func TestUpDrains(t *testing.T) {
	t.Parallel()
	b := newPausing(t)
	key := value()
	w := newWorld(t, demo(key, b.address()))
	placeholder, token := w.placeholder("demo"), w.token(agentClient)
	flow := w.begin("x-cloakroom-token", token, "authorization", "Bearer "+placeholder)
	w.up.signal(syscall.SIGTERM)
	w.eventually("new connections are refused", func() bool {
		got := w.try("/api/v1/x", "x-cloakroom-token", token, "authorization", "Bearer "+placeholder)
		if got.hung || got.shows(key) {
			t.Fatal("a request hangs, or the value came back")
		}
		return errors.Is(got.err, syscall.ECONNREFUSED)
	})
	b.proceed <- struct{}{}
	got := flow.end()
	if got.err != nil || !strings.HasSuffix(got.body, "data: Bearer "+placeholder+"\n\n") {
		t.Errorf("the exchange under way got %v after %q, want its end, masked", got.err, got.body)
	}
	select {
	case <-w.up.done:
		if w.up.err != nil {
			t.Errorf("up ended with %v", w.up.err)
		}
	case <-time.After(30 * time.Second):
		t.Error("up does not end")
	}
}

// TestUpLosesAHalf: without Envoy, up ends and says so; without the service,
// Envoy ends.
func TestUpLosesAHalf(t *testing.T) {
	t.Parallel()
	b := newPausing(t)
	key := value()
	w := newWorld(t, demo(key, b.address()))
	headers := []string{"authorization", "Bearer " + w.placeholder("demo"), "x-cloakroom-token", w.token(agentClient)}
	for name, c := range map[string]struct {
		victim func() int
		says   string
	}{
		"envoy":   {func() int { return children(t, w.up.cmd.Process.Pid)[0] }, "envoy ended"},
		"service": {func() int { return w.up.cmd.Process.Pid }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "service" || w.up.signal(0) != nil {
				w.up.stop(t)
				w.start()
			}
			envoy := children(t, w.up.cmd.Process.Pid)[0]
			flow := w.begin(headers...)
			if err := syscall.Kill(c.victim(), syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			if got := flow.end(); got.hung || got.err == nil || got.shows(key) {
				t.Errorf("the client got %v after %q, want an error", got.err, got.body)
			}
			gone(t, envoy)
			<-w.up.done
			if w.up.err == nil || !strings.Contains(w.up.out.String(), c.says) {
				t.Errorf("up ended with %v and said\n%s", w.up.err, w.up.out)
			}
		})
	}
}
