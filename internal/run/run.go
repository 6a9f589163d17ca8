// Package run keeps Envoy as a child process: finds it, starts it with a
// bootstrap, says when it serves, and ends it.
//
// It promises that Envoy does not outlive this process (on Linux), leaves no
// core, sees nothing of this process's environment (where values may stand),
// and that its bootstrap, which may hold a key, is readable by its user only
// and gone once Envoy has read it. Envoy has a process group of its own: a
// Ctrl-C in a terminal reaches this process alone, which can then drain.
//
// It deliberately does not restart an Envoy that ended, and does not know what
// a bootstrap says.
package run

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Version is the Envoy that the configuration is made for and tested with;
// another patch release will do.
const Version = "1.40"

// Options is what Start needs. Bin, Bootstrap, Dir and Admin are required.
type Options struct {
	Bin       string // Envoy's binary, as Find returns it
	Bootstrap []byte // its configuration, JSON
	Dir       string // made 0700; the bootstrap is written here for the start
	Admin     string // the Unix socket that the bootstrap gives Envoy's admin
	// Listen is the address that the bootstrap listens on: a taken one is told
	// before Envoy starts. Empty, or with port 0: not looked at.
	Listen      string
	Concurrency int       // worker threads; 0: one a core
	Log         io.Writer // Envoy's output, each line with "envoy: " before it; nil: dropped
	// Started is told Envoy's process id before Envoy connects anywhere; may be
	// nil.
	Started func(pid int)
}

// Process is a running Envoy.
type Process struct {
	cmd      *exec.Cmd
	admin    admin
	out      *lines
	once     sync.Once
	stopping chan struct{}
	done     chan struct{}
	err      error // set before done is closed
}

// Start starts Envoy and returns once it serves. ctx bounds the start only:
// when it ends before Envoy is ready, Envoy is killed. An address that is
// taken is the error `listening on "127.0.0.1:8080": address already in use`.
func Start(ctx context.Context, o Options) (*Process, error) {
	if o.Bin == "" || len(o.Bootstrap) == 0 || o.Dir == "" || o.Admin == "" {
		return nil, errors.New("starting Envoy: binary, bootstrap, directory and admin socket are required")
	}
	if err := available(o.Listen); err != nil {
		return nil, err
	}
	path, err := writeBootstrap(o.Dir, o.Bootstrap)
	if err != nil {
		return nil, err
	}
	defer os.Remove(path)
	p := &Process{
		cmd:      exec.Command(o.Bin, arguments(path, o.Concurrency)...),
		admin:    newAdmin(o.Admin),
		out:      newLines(o.Log, "envoy: "),
		stopping: make(chan struct{}),
		done:     make(chan struct{}),
	}
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.out
	p.cmd.Env = environment(os.Getenv)
	p.cmd.SysProcAttr = attributes()
	p.cmd.WaitDelay = time.Second
	if err := p.start(); err != nil {
		return nil, fmt.Errorf("starting Envoy %q: %w", o.Bin, err)
	}
	if o.Started != nil {
		o.Started(p.PID())
	}
	if err := p.ready(ctx, o.Listen); err != nil {
		p.kill()
		return nil, err
	}
	return p, nil
}

// start forks from a thread that lives as long as Envoy: the kernel sends the
// parent-death signal when the forking *thread* ends, and Go ends threads.
func (p *Process) start() error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err != nil {
			return
		}
		err = p.cmd.Wait()
		p.out.flush()
		p.err = p.ending(err)
		close(p.done)
	}()
	if err := <-started; err != nil {
		return err
	}
	if err := noCore(p.cmd.Process.Pid); err != nil {
		p.kill()
		return err
	}
	return nil
}

// ending is nil where Stop was asked for.
func (p *Process) ending(err error) error {
	select {
	case <-p.stopping:
		return nil
	default:
	}
	how := "exit status 0"
	if err != nil {
		how = err.Error()
	}
	if why := p.out.why(); why != "" {
		return fmt.Errorf("envoy ended (%s): %s", how, why)
	}
	return fmt.Errorf("envoy ended (%s)", how)
}

// ready waits until Envoy's workers have started, and warns of another version.
func (p *Process) ready(ctx context.Context, listen string) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if p.admin.live(ctx) {
			break
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for Envoy to serve: %w", ctx.Err())
		case <-p.done:
			if strings.Contains(p.out.why(), "Address already in use") {
				return fmt.Errorf("listening on %q: %w", listen, syscall.EADDRINUSE)
			}
			return p.err
		case <-tick.C:
		}
	}
	if v, err := p.admin.version(ctx); err == nil && !made(v) {
		p.out.line(fmt.Sprintf("warning: this is version %s; Cloakroom is tested with %s", v, Version))
	}
	return nil
}

func made(version string) bool {
	return version == Version || strings.HasPrefix(version, Version+".")
}

// Done is closed when Envoy has ended, for whatever reason.
func (p *Process) Done() <-chan struct{} { return p.done }

// Wait returns when Envoy has ended: nil after Stop, else an error that holds
// the last thing that Envoy said.
func (p *Process) Wait() error {
	<-p.done
	return p.err
}

// PID is Envoy's process id; it is what SO_PEERCRED tells of Envoy.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Address is where Envoy really listens for agents, "host:port": with port 0
// in the bootstrap, the port that it was given.
func (p *Process) Address(ctx context.Context) (string, error) { return p.admin.listening(ctx) }

// Stop closes Envoy's listeners, waits until no request is in flight or ctx
// ends, and then ends Envoy: by SIGTERM, and after two seconds by SIGKILL. It
// returns when Envoy has ended. A second call waits for the first.
func (p *Process) Stop(ctx context.Context) {
	if !p.stop() {
		<-p.done
		return
	}
	if p.admin.drain(ctx) == nil {
		p.idle(ctx)
	}
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(2 * time.Second):
		p.cmd.Process.Kill()
		<-p.done
	}
}

func (p *Process) idle(ctx context.Context) {
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	for {
		if n, err := p.admin.active(ctx); err != nil || n == 0 {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-p.done:
			return
		case <-tick.C:
		}
	}
}

// stop marks the end as wanted, and tells whether it was not before.
func (p *Process) stop() (first bool) {
	p.once.Do(func() { close(p.stopping); first = true })
	return first
}

func (p *Process) kill() {
	p.stop()
	p.cmd.Process.Kill()
	<-p.done
}
