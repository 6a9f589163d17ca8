//go:build profile

package main

import (
	"os"
	"os/signal"
	"runtime/pprof"
	"syscall"
)

// A build for measuring (bench) writes a CPU profile from its start until its
// SIGTERM to the file that CLOAKROOM_CPUPROFILE names. The product has none.
func init() {
	path := os.Getenv("CLOAKROOM_CPUPROFILE")
	if path == "" {
		return
	}
	f, err := os.Create(path)
	if err != nil {
		panic(err)
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		panic(err)
	}
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM)
	go func() {
		<-ended
		pprof.StopCPUProfile()
		f.Close()
	}()
}
