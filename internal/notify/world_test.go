package notify

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"flag"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cloakroom/internal/record/recordtest"
	"cloakroom/internal/secret"
)

var update = flag.Bool("update", false, "write the golden files anew")

const (
	canary = "canary-7Zq2LkW9fX4pTnB8"            // a value of the inventory
	seen   = "5e5ad2c6d3a0a7d1c4d7a3e9f0b1c2d3" + // a hash
		"5e5ad2c6d3a0a7d1c4d7a3e9f0b1c2d3"
)

var rawKey = []byte("0123456789abcdefghijklmnopqrstuv")

func text(s string) func() (secret.Value, error) {
	return func() (secret.Value, error) { return secret.New([]byte(s)), nil }
}

func key() func() (secret.Value, error) {
	return text("whsec_" + base64.StdEncoding.EncodeToString(rawKey))
}

// asked is a question that may be answered by a button.
func asked() Event {
	return Event{
		Type: Asked, Time: time.Date(2026, 3, 4, 5, 6, 7, 8_000_000, time.UTC), Lease: "01J9ZK3V", Credential: "github-write", Tier: "high",
		Principal: "https://dex.example.com#agent-7", Person: "bob@example.com", Reason: "Open the pull request that <bob> asked for & *merge* it",
		Method: "POST", Host: "api.github.com", Path: "/repos/a/b/pulls?draft=1", Body: strings.Repeat("ab", 32), Session: "s-1",
		URL: "https://cloakroom.example.com/approvals/01J9ZK3V", Seen: seen, Buttons: true,
		Terms: Terms{Seconds: 300, Extend: 600, Uses: 10, Needs: 1, Reuse: true, Ticket: true},
	}
}

// tried is a request that reached a receiver.
type tried struct {
	at     time.Time
	url    string
	header http.Header
	body   []byte
}

// receiver is a transport that answers in place of all servers.
type receiver struct {
	answer func(n int, r *http.Request) (*http.Response, error) // n: how many requests came before

	mu   sync.Mutex
	came []tried
}

func (r *receiver) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	n := len(r.came)
	r.came = append(r.came, tried{time.Now(), req.URL.String(), req.Header.Clone(), body})
	r.mu.Unlock()
	return r.answer(n, req)
}

func (r *receiver) all() []tried {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.came)
}

func status(code int, header ...string) *http.Response {
	h := http.Header{}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: code, Header: h, Body: io.NopCloser(strings.NewReader("not looked at"))}
}

// always answers the same.
func always(code int, header ...string) *receiver {
	return &receiver{answer: func(int, *http.Request) (*http.Response, error) { return status(code, header...), nil }}
}

// reports keeps what a sender reports.
type reports struct {
	mu  sync.Mutex
	all []Report
}

func (r *reports) add(one Report) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, one)
}

// of are the reports of a result.
func (r *reports) of(result Result) (out []Report) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, one := range r.all {
		if one.Result == result {
			out = append(out, one)
		}
	}
	return out
}

func destination() Destination {
	return Destination{Name: "oncall", URL: text("https://hooks.example.com/path-" + canary), Secret: key(), Form: JSON}
}

// sender starts a sender that ends with the test.
func sender(t *testing.T, via http.RoundTripper, to ...Destination) (*Sender, *reports) {
	t.Helper()
	r := new(reports)
	s, err := NewSender(Options{Destinations: to, Masker: recordtest.Masker(t, canary), Report: r.add, Transport: via})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := s.Close(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
	return s, r
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs:\n%s", name, got)
	}
}
