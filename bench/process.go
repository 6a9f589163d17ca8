package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a child of this run.
type process struct{ cmd *exec.Cmd }

// begin starts a child; its first line of output is the second result if line
// says that there is one.
func begin(ctx context.Context, line bool, env []string, name string, args ...string) (*process, string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stderr = os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	if !line {
		return &process{cmd}, "", cmd.Start()
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, "", err
	}
	if err := cmd.Start(); err != nil {
		return nil, "", err
	}
	p := &process{cmd}
	r := bufio.NewReader(out)
	text, err := r.ReadString('\n')
	if err != nil {
		p.end()
		return nil, "", fmt.Errorf("starting %s: it said nothing: %w", filepath.Base(name), err)
	}
	go io.Copy(io.Discard, r)
	return p, strings.TrimSpace(text), nil
}

// self starts this program as a child.
func self(ctx context.Context, line bool, args ...string) (*process, string, error) {
	name, err := os.Executable()
	if err != nil {
		return nil, "", err
	}
	return begin(ctx, line, nil, name, append([]string{"-child"}, args...)...)
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// end asks the process to end, and waits.
func (p *process) end() {
	p.cmd.Process.Signal(syscall.SIGTERM)
	p.cmd.Wait()
}

// cpuTime is how long a process has run, of all its threads.
func cpuTime(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// the fields behind the command's name, which may hold anything
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	var ticks int64
	for _, f := range fields[11:13] {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / 100, nil
}

// childOf is the process id of the only child of pid.
func childOf(pid int) (int, error) {
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		return 0, err
	}
	for _, list := range lists {
		if text, err := os.ReadFile(list); err == nil && len(text) > 0 {
			return strconv.Atoi(strings.Fields(string(text))[0])
		}
	}
	return 0, fmt.Errorf("process %d has no child", pid)
}

// syncTime measures the disk: a small write and fsync, some times.
func syncTime(dir string) ([]time.Duration, error) {
	f, err := os.CreateTemp(dir, "sync-")
	if err != nil {
		return nil, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	var took []time.Duration
	for range 50 {
		if _, err := f.Write(make([]byte, 4096)); err != nil {
			return nil, err
		}
		start := time.Now()
		if err := f.Sync(); err != nil {
			return nil, err
		}
		took = append(took, time.Since(start))
	}
	return took, nil
}
