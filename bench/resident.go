package main

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// resident is the memory of a side's two processes, in MiB.
type resident struct{ envoy, service float64 }

// resident returns it as it is now.
func (s *side) resident() (r resident, err error) {
	if r.envoy, err = residentOf(s.envoy); err != nil {
		return r, err
	}
	r.service, err = residentOf(s.service)
	return r, err
}

func residentOf(pid int) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), "\nVmRSS:")
	var kib float64
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		return 0, fmt.Errorf("reading the memory of process %d: %w", pid, err)
	}
	return kib / 1024, nil
}

// watch does something, and returns the most memory that was resident meanwhile.
func (s *side) watch(do func() error) (most resident, err error) {
	done, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			now, err := s.resident()
			most.envoy, most.service = max(most.envoy, now.envoy), max(most.service, now.service)
			select {
			case <-done:
				ended <- err
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	err = do()
	close(done)
	if lost := <-ended; err == nil {
		err = lost
	}
	return most, err
}
