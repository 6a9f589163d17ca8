package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"time"
)

// loginTime is how long a person may take to log in.
const loginTime = 5 * time.Minute

// openURL prints a URL for the person at this terminal, and tries to open it in
// $BROWSER or whatever the desktop has: where there is none, the person copies it.
func openURL(w io.Writer, what, url string) {
	fmt.Fprintf(w, "%s:\n\n  %s\n\n", what, url)
	name := os.Getenv("BROWSER")
	switch {
	case name != "":
	case runtime.GOOS == "darwin":
		name = "open"
	default:
		name = "xdg-open"
	}
	browser := exec.Command(name, url) // it may outlive us
	if browser.Start() == nil {
		go browser.Wait()
	}
}

// loopback is where the issuer sends the browser back to (RFC 8252 §7.3).
type loopback struct {
	listener net.Listener
	state    string // of the attempt whose answer counts
	answer   chan url.Values
}

// listenLoopback listens on a free port of this machine.
func listenLoopback() (*loopback, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listening for the browser: %w", err)
	}
	return &loopback{listener: l, answer: make(chan url.Values, 1)}, nil
}

// redirect is the URL that the browser is sent back to.
func (l *loopback) redirect() string { return "http://" + l.listener.Addr().String() + "/callback" }

// wait serves until the browser has brought the answer to the attempt with this
// state. Whatever else calls is turned away, and waited on.
func (l *loopback) wait(ctx context.Context, state string) (url.Values, error) {
	ctx, cancel := context.WithTimeout(ctx, loginTime)
	defer cancel()
	l.state = state
	server := &http.Server{Handler: l, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second, MaxHeaderBytes: 64 << 10}
	go server.Serve(l.listener)
	defer server.Shutdown(ctx)
	select {
	case answer := <-l.answer:
		return answer, nil
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return nil, hinted{fmt.Errorf("nobody logged in within %v", loginTime), "try again, and open the URL that is printed"}
		}
		return nil, ctx.Err()
	}
}

func (l *loopback) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("cache-control", "no-store")
	w.Header().Set("referrer-policy", "no-referrer")
	w.Header().Set("content-security-policy", "default-src 'none'")
	q := r.URL.Query()
	if r.Method != http.MethodGet || r.URL.Path != "/callback" || r.Host != l.listener.Addr().String() || q.Get("state") != l.state {
		http.Error(w, "not the answer that is waited for", http.StatusBadRequest)
		return
	}
	select {
	case l.answer <- q:
	default: // the first one counts
	}
	io.WriteString(w, "You can close this window: the terminal tells the rest.\n")
}
