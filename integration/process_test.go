package integration

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// process is a child whose output is kept, in memory for the test and in a file
// for the hunt.
type process struct {
	name string
	cmd  *exec.Cmd
	out  *output
	done chan struct{}
	err  error
}

// output is what a process wrote so far.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
	file *os.File
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text.Write(b)
	return o.file.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// start starts a binary; it is ended with the test, and its output shown if the
// test failed.
func start(t *testing.T, dir, name string, env []string, arguments ...string) *process {
	t.Helper()
	file, err := os.OpenFile(filepath.Join(dir, name+".out"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	p := &process{name: name, out: &output{file: file}, done: make(chan struct{})}
	p.cmd = exec.Command(filepath.Join(bin, name), arguments...)
	p.cmd.Dir = dir
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "TMPDIR=" + dir,
		"CLOAKROOM_TOOLS=" + os.Getenv("CLOAKROOM_TOOLS"), "XDG_DATA_HOME=" + os.Getenv("XDG_DATA_HOME"),
		"ENVOY_BIN=" + os.Getenv("ENVOY_BIN"), "GOTRACEBACK=all"}, env...)
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.out
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("starting %s: %v", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
		file.Close()
	}()
	t.Cleanup(func() {
		p.stop(t)
		if t.Failed() {
			t.Logf("%s said:\n%s", name, p.out)
		}
	})
	return p
}

// stop ends the process as an operator would, and kills it if it stays.
func (p *process) stop(t *testing.T) {
	t.Helper()
	if p.signal(syscall.SIGTERM) != nil {
		return
	}
	p.signal(syscall.SIGCONT)
	select {
	case <-p.done:
	case <-time.After(30 * time.Second):
		t.Errorf("%s did not end within 30 s of SIGTERM", p.name)
		p.kill()
	}
}

func (p *process) kill() {
	p.signal(syscall.SIGKILL)
	<-p.done
}

func (p *process) signal(s syscall.Signal) error {
	select {
	case <-p.done:
		return os.ErrProcessDone
	default:
		return p.cmd.Process.Signal(s)
	}
}

// says waits until the process has written a line that begins with the prefix,
// and returns the rest of that line.
func (p *process) says(t *testing.T, prefix string) string {
	t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	for {
		for line := range strings.Lines(p.out.String()) {
			if rest, ok := strings.CutPrefix(line, prefix); ok && strings.HasSuffix(rest, "\n") {
				return strings.TrimSpace(rest)
			}
		}
		select {
		case <-p.done:
			t.Fatalf("%s ended (%v) before it said %q", p.name, p.err, prefix)
		case <-time.After(10 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s did not say %q", p.name, prefix)
		}
	}
}

// command runs a subcommand of cloakroom to its end.
func command(t *testing.T, dir string, env []string, arguments ...string) (stdout, stderr string, code int) {
	t.Helper()
	c := exec.Command(filepath.Join(bin, "cloakroom"), arguments...)
	c.Dir = dir
	c.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}, env...)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("running cloakroom %v: %v", arguments, err)
	}
	return out.String(), errs.String(), c.ProcessState.ExitCode()
}
