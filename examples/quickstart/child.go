package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// program is what to start, and the words behind which it is ready.
type program struct {
	name, ready string
	arguments   []string
}

// startAll starts programs one after the other. Also with an error, those that
// it returns run.
func startAll(ctx context.Context, bin string, environment []string, programs []program) (running []*child, err error) {
	for _, p := range programs {
		c, err := start(ctx, filepath.Join(bin, p.name), environment, p.ready, p.arguments...)
		if err != nil {
			return running, err
		}
		running = append(running, c)
	}
	return running, nil
}

// child is one of the programs, in a process group of its own: a Ctrl-C reaches
// us alone, and we end them in order.
type child struct {
	name string
	cmd  *exec.Cmd
	said string        // behind the words that told that it was ready
	done chan struct{} // closed when it has ended
}

// start starts a program and waits until it says that it is ready. Its errors
// go to our standard error.
func start(ctx context.Context, path string, environment []string, ready string, arguments ...string) (*child, error) {
	c := &child{name: filepath.Base(path), cmd: exec.Command(path, arguments...), done: make(chan struct{})}
	c.cmd.Env = environment
	c.cmd.Stderr = os.Stderr
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", c.name, err)
	}
	said := make(chan string, 1)
	go func() {
		c.listen(out, ready, said)
		// how it ended was for its own standard error to say
		_ = c.cmd.Wait()
		close(c.done)
	}()
	select {
	case c.said = <-said:
		return c, nil
	case <-c.done:
		return nil, fmt.Errorf("%s could not start; its words stand above", c.name)
	case <-ctx.Done():
		c.stop()
		return nil, ctx.Err()
	}
}

// listen reads the program's output to its end, and tells the first line that
// begins with ready.
func (c *child) listen(out io.Reader, ready string, said chan<- string) {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if rest, ok := strings.CutPrefix(lines.Text(), ready); ok {
			select {
			case said <- rest:
			default:
			}
		}
	}
}

// stop ends the program, gently at first.
func (c *child) stop() {
	// one that has ended already needs no signal
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-c.done:
	case <-time.After(25 * time.Second):
		_ = c.cmd.Process.Kill()
		<-c.done
	}
}
