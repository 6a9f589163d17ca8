package main

import (
	"errors"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cloakroom/internal/config"
	"cloakroom/internal/record"
	"cloakroom/internal/recording"
	"cloakroom/internal/transcript"
)

func TestReadSpeed(t *testing.T) {
	for text, want := range map[string]float64{"1x": 1, "10x": 10, "0.5": 0.5, "0": 0} {
		if got, err := readSpeed(text); err != nil || got != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "x", "-1x", "NaN", "Inf", "1e300"} {
		if got, err := readSpeed(text); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
}

func TestMoment(t *testing.T) {
	for text, want := range map[string]string{"2026-11-05": "2026-11-05T00:00:00Z", "2026-11-05T12:00:00+01:00": "2026-11-05T12:00:00+01:00"} {
		var m moment
		if err := m.Set(text); err != nil || m.String() != want {
			t.Errorf("%q: %v, %v", text, m.String(), err)
		}
	}
	var m moment
	if err := m.Set("24h"); err != nil || time.Since(time.Time(m)) < 24*time.Hour {
		t.Errorf("24h: %v, %v", m.String(), err)
	}
	if err := m.Set("7d"); err != nil || time.Since(time.Time(m)) < 7*24*time.Hour {
		t.Errorf("7d: %v, %v", m.String(), err)
	}
	for _, text := range []string{"", "yesterday", "-1h", "-1d", "d", "99999d", "2026-13-01"} {
		if err := m.Set(text); err == nil {
			t.Errorf("%q is %v", text, m.String())
		}
	}
}

func TestCheckGateway(t *testing.T) {
	for _, text := range []string{"", "http://127.0.0.1:8080", "https://gw.example/base/"} {
		if err := checkGateway(text); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, text := range []string{"localhost:8080", "gw.example", "ftp://x", "http://", "http://me:secret@x", "http://x?y", "http://x#y", ":"} {
		if err := checkGateway(text); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestGatewayOf(t *testing.T) {
	for listen, want := range map[string]string{"": "", "127.0.0.1:0": "", ":8080": "http://127.0.0.1:8080", "0.0.0.0:80": "http://127.0.0.1:80",
		"[::1]:80": "http://[::1]:80", "gw.example:1": "http://gw.example:1"} {
		cfg := &config.Config{}
		if cfg.Envoy.Listen = listen; gatewayOf(cfg) != want {
			t.Errorf("%q: %q, want %q", listen, gatewayOf(cfg), want)
		}
	}
}

// moments are those of an exchange with one event.
func moments() iter.Seq2[transcript.Moment, error] {
	x := transcript.Exchange{Exchange: record.Exchange{Decision: record.Entry{Decision: &record.Decision{}}, End: &record.Entry{End: &record.End{}}},
		Recording: &recording.Transcript{Events: []recording.Event{{Kind: recording.Got, Data: []byte("an event")}}}}
	return transcript.Moments(func(yield func(*transcript.Exchange, error) bool) { yield(&x, nil) })
}

// At a terminal each key shows one moment more, until the input ends.
func TestStep(t *testing.T) {
	for typed, want := range map[string]struct {
		shown []string
		err   error
	}{
		"\x04":     {[]string{"decision"}, errDeclined},
		"\n\x04":   {[]string{"decision", "an event"}, errDeclined},
		"\n\n\x04": {[]string{"decision", "an event", "end"}, nil},
	} {
		var out strings.Builder
		p := replaying{step: true, speed: "1x", stdout: &out, keyboard: terminal(t, typed)}
		if err := p.check(); err != nil {
			t.Fatal(err)
		}
		if err := p.play(t.Context(), moments()); !errors.Is(err, want.err) {
			t.Errorf("typed %q: %v, want %v", typed, err, want.err)
		}
		for _, text := range []string{"decision", "an event", "end"} {
			shown := len(want.shown) > 0 && strings.Contains(strings.Join(want.shown, " "), text)
			if strings.Contains(out.String(), text+" ") != shown && strings.Contains(out.String(), text+"\n") != shown {
				t.Errorf("typed %q: %q, want %q", typed, out.String(), want.shown)
			}
		}
	}
}

// Flags that would count for nothing beside --policy are mistakes: somebody relies on them.
func TestWhatIfFlags(t *testing.T) {
	for _, arguments := range [][]string{{}, {"--all", "s"}, {"s", "--speed", "2x"}, {"s", "--longest-pause", "1s"}, {"s", "--curl"}, {"--all", "--limit", "1"},
		{"s", "--gateway", "http://gw.example"}} {
		c := newSessionReplay(&options{config: "none.yaml"})
		c.SetArgs(append(arguments, "--policy", "dir"))
		c.SilenceUsage, c.SilenceErrors = true, true
		if err := c.Execute(); !errors.As(err, new(usageError)) {
			t.Errorf("%q: %v", arguments, err)
		}
	}
}

// A file that others could read is the owner's alone before anything is in it.
func TestWriteHARIsNobodyElses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.har")
	if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := writeHAR(path, nil, func(func(*transcript.Exchange, error) bool) {}, "http"); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got %v, %v", info.Mode(), err)
	}
}

// Only what a terminal prints as itself goes to one as it is.
func TestPrintBody(t *testing.T) {
	for body, shown := range map[string]bool{"{\n\t\"a\": 1}\n": true, "\x1b[2J": false, "a\u202eb": false, "\xff": false} {
		if err := printBody(terminal(t, ""), []byte(body)); (err == nil) != shown {
			t.Errorf("%q: %v", body, err)
		}
		var file strings.Builder
		if err := printBody(&file, []byte(body)); err != nil || file.String() != body {
			t.Errorf("%q to a file: %q, %v", body, file.String(), err)
		}
	}
}
