package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// vectorscan is a running scripts/vectorscan.cc, which says how it is spoken to.
// A nil one is not installed, and finds nothing in no time.
type vectorscan struct {
	cmd     *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
	took    float64 // seconds, to compile
	memory  int     // bytes of what it compiled, and works with
	version string
}

// startRival has Vectorscan compile the patterns and read the texts, by way of
// files. Those of texts that several columns share are the same.
func (t *table) startRival(patterns [][]byte, texts []*text) (*vectorscan, error) {
	if t.rival == "" {
		return nil, nil
	}
	var b []byte
	for _, p := range patterns {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(p)))
		b = append(b, p...)
	}
	args := []string{filepath.Join(t.dir, fmt.Sprint("patterns ", len(patterns)))}
	if err := os.WriteFile(args[0], b, 0o600); err != nil {
		return nil, err
	}
	for _, x := range texts {
		path := filepath.Join(t.dir, fmt.Sprintf("%p", x))
		if err := os.WriteFile(path, x.bytes, 0o600); err != nil {
			return nil, err
		}
		args = append(args, path)
	}
	return startVectorscan(exec.Command(t.rival, args...))
}

func startVectorscan(cmd *exec.Cmd) (*vectorscan, error) {
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	v := &vectorscan{cmd: cmd, in: in, out: bufio.NewReader(out)}
	line, err := v.out.ReadString('\n')
	if err == nil {
		_, err = fmt.Sscanf(line, "built %g %d %s", &v.took, &v.memory, &v.version)
	}
	if err != nil {
		v.close()
		return nil, fmt.Errorf("starting Vectorscan: it said %q: %w", line, err)
	}
	return v, nil
}

// scan scans a text for so long, and returns MB/s and how often something was
// found; with no time, it scans it once.
func (v *vectorscan) scan(text, chunk int, long time.Duration) (speed float64, found int, err error) {
	if v == nil {
		return 0, 0, nil
	}
	if _, err := fmt.Fprintln(v.in, text, chunk, long.Milliseconds()); err != nil {
		return 0, 0, err
	}
	line, err := v.out.ReadString('\n')
	if err != nil {
		return 0, 0, fmt.Errorf("asking Vectorscan to scan: %w", err)
	}
	if _, err := fmt.Sscan(strings.TrimSpace(line), &speed, &found); err != nil {
		return 0, 0, fmt.Errorf("asking Vectorscan to scan: it said %q: %w", line, err)
	}
	return speed / 1e6, found, nil
}

func (v *vectorscan) close() {
	if v != nil {
		v.in.Close()
		v.cmd.Wait()
	}
}
