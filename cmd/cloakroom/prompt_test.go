package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

// terminal is a terminal at which somebody has typed text.
func terminal(t *testing.T, text string) *os.File {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close() })
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { slave.Close() })
	if _, err := io.WriteString(master, text); err != nil {
		t.Fatal(err)
	}
	return slave
}

func TestConfirm(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	ask := func(in io.Reader, sure bool) error {
		var c cobra.Command
		c.SetContext(ctx)
		c.SetIn(in)
		c.SetErr(io.Discard)
		return confirm(&c, "Sure?", sure)
	}
	for typed, want := range map[string]error{"y\n": nil, "YES\n": nil, " y \n": nil, "n\n": errDeclined, "\n": errDeclined, "yy\n": errDeclined, "\x04": errDeclined} {
		if err := ask(terminal(t, typed), false); !errors.Is(err, want) {
			t.Errorf("typed %q: %v, want %v", typed, err, want)
		}
	}
	var usage usageError
	if err := ask(strings.NewReader("y\n"), false); !errors.As(err, &usage) {
		t.Errorf("from no terminal: %v", err)
	}
	if err := ask(strings.NewReader(""), true); err != nil {
		t.Errorf("sure: %v", err)
	}
	interrupt()
	if err := ask(terminal(t, ""), false); !errors.Is(err, errDeclined) {
		t.Errorf("interrupted: %v", err)
	}
}

// TestLoopback: only the browser that brings the answer to this attempt counts.
func TestLoopback(t *testing.T) {
	back, err := listenLoopback()
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan url.Values, 1)
	go func() {
		answer, err := back.wait(t.Context(), "right")
		if err != nil {
			t.Error(err)
		}
		got <- answer
	}()
	base := strings.TrimSuffix(back.redirect(), "/callback")
	for _, tt := range []struct {
		method, path, host string
		status             int
	}{
		{"GET", "/callback?state=wrong&code=a", "", 400},
		{"GET", "/callback?code=a", "", 400},
		{"GET", "/other?state=right&code=a", "", 400},
		{"POST", "/callback?state=right&code=a", "", 400},
		{"GET", "/callback?state=right&code=a", "rebound.test", 400},
		{"GET", "/callback?state=right&code=b", "", 200},
	} {
		r, err := http.NewRequest(tt.method, base+tt.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = tt.host
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != tt.status {
			t.Errorf("%s %s for %q: status %d, want %d", tt.method, tt.path, tt.host, answer.StatusCode, tt.status)
		}
	}
	if answer := <-got; answer.Get("code") != "b" {
		t.Errorf("the answer is %v", answer)
	}
}
