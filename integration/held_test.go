package integration

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
)

// heldConfig is askingConfig for a tier that lets requests wait.
func heldConfig(wait string) string {
	return strings.Replace(askingConfig, "approvers: [oncall]", "approvers: [oncall], wait: "+wait, 1)
}

// newWaiting starts a world with such a tier.
func newWaiting(t *testing.T, wait string, clients ...string) asking {
	t.Helper()
	b := backend(t, func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("done")) })
	w := newWorld(t, setup{Humans: true, Clients: append(clients, agentClient, sreClient), Values: map[string]string{"READ_KEY": value(), "WRITE_KEY": value()},
		Config: heldConfig(wait), Upstreams: []string{`{host: api.test, prefix: /api, address: "` + b.address() + `"}`}})
	return asking{w, b, w.token(agentClient)}
}

// holds waits until so many requests are held.
func (a asking) holds(n float64) {
	a.t.Helper()
	a.eventually(fmt.Sprint(n, " requests are held"), func() bool { return a.metrics(a.t)["cloakroom_requests_held"] == n })
}

// TestHeldForLong: Envoy waits for people as long as the tier says, though that
// is longer than it waits for any other decision.
func TestHeldForLong(t *testing.T) {
	t.Parallel()
	a := newWaiting(t, "11s")
	answer, refused := a.use("x-cloakroom-token", a.token, "authorization", "Bearer "+a.placeholder("write"))
	if answer.StatusCode != http.StatusForbidden || refused.Error.Code != "approval_pending" {
		t.Errorf("got %d %+v", answer.StatusCode, refused.Error)
	}
}

// TestHeldRequestsAndOthers: three hundred that ask at once are held as far as
// there is room, the others are answered, and neither is in the way of a request
// that asks nobody.
func TestHeldRequestsAndOthers(t *testing.T) {
	t.Parallel()
	var clients []string
	for i := range 38 { // of whom eight each may wait, and 256 in all
		clients = append(clients, fmt.Sprintf("agent-%d:secret-for-tests-%d:ai-agents", i, i))
	}
	a := newWaiting(t, "5m", clients...)
	placeholder, read := a.placeholder("write"), a.placeholder("read")
	first, hangUp := context.WithCancel(t.Context())
	answers := make(chan string, 8*len(clients))
	var all sync.WaitGroup
	send := func(ctx context.Context, token string) {
		defer all.Done()
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, a.gateway+"/api/v1/x", nil)
		if err != nil {
			t.Error(err)
			return
		}
		r.Header = http.Header{"X-Cloakroom-Token": {token}, "Authorization": {"Bearer " + placeholder}}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			answers <- "none"
			return
		}
		defer answer.Body.Close()
		body, _ := io.ReadAll(answer.Body)
		answers <- fmt.Sprint(answer.StatusCode, " ", errorCode(string(body)))
	}
	for i, client := range clients {
		ctx, token := t.Context(), a.world.token(client)
		if i == 0 {
			ctx = first
		}
		for range 8 {
			all.Add(1)
			go send(ctx, token)
		}
		if i == 0 {
			a.holds(8)
		}
	}
	a.holds(256)
	for range 8*len(clients) - 256 {
		if got := <-answers; got != "403 approval_pending" {
			t.Errorf("for whom there is no room: %s", got)
		}
	}
	for range 100 {
		if answer, body := a.get("/api/v1/x", "x-cloakroom-token", a.token, "authorization", "Bearer "+read); answer.StatusCode != http.StatusOK {
			t.Fatalf("beside those that are held: %d %s", answer.StatusCode, body)
		}
	}
	a.holds(256) // not one of them was answered meanwhile
	hangUp()
	a.holds(248)
	var did done
	a.run(&did, "lease", "revoke", "--all", "--yes")
	a.holds(0)
	all.Wait()
	close(answers)
	counts := map[string]int{}
	for got := range answers {
		counts[got]++
	}
	if counts["none"] != 8 || counts["403 lease_expired"] != 248 {
		t.Errorf("those that were held got %v", counts)
	}
}

// TestWhatPeopleAreShown of a body: its hash where all of it was seen, else that
// nobody saw it.
func TestWhatPeopleAreShown(t *testing.T) {
	t.Parallel()
	a := newWaiting(t, "0s")
	hash := func(text string) string {
		sum := sha256.Sum256([]byte(text))
		return hex.EncodeToString(sum[:])
	}
	most := strings.Repeat("x", 64<<10)
	chunked := func(text string) io.Reader { return io.MultiReader(strings.NewReader(text)) }
	for name, tt := range map[string]struct {
		method, kind string
		body         io.Reader
		hash         string
		unseen       bool
	}{
		"no body":              {"GET", "", nil, "", false},
		"JSON":                 {"POST", "application/json", strings.NewReader(`{"a":1}`), hash(`{"a":1}`), false},
		"bytes, chunked":       {"POST", "application/octet-stream", chunked("bytes"), hash("bytes"), false},
		"without a type":       {"POST", "", strings.NewReader("text"), hash("text"), false},
		"one less than 64 KiB": {"POST", "text/plain", chunked(most[1:]), hash(most[1:]), false},
		"64 KiB or more":       {"POST", "text/plain", chunked(most), "", true},
		"a stream of messages": {"POST", "application/grpc", strings.NewReader("12345"), "", true},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := http.NewRequest(tt.method, a.gateway+"/api/v1/"+strings.ReplaceAll(name, " ", "-"), tt.body)
			if err != nil {
				t.Fatal(err)
			}
			if tt.kind != "" {
				r.Header.Set("content-type", tt.kind)
			}
			a.do(r, "x-cloakroom-token", a.token, "authorization", "Bearer "+a.placeholder("write"))
			var waiting []struct{ ID, Operation string }
			a.run(&waiting, "approval", "ls")
			path := strings.TrimPrefix(r.URL.Path, "/api")
			i := slices.IndexFunc(waiting, func(q struct{ ID, Operation string }) bool { return strings.HasSuffix(q.Operation, path) })
			if i < 0 {
				t.Fatalf("nobody is asked: %v", waiting)
			}
			var question struct {
				Operation struct {
					Path, Body string
					Unseen     bool
				}
			}
			a.run(&question, "approval", "show", waiting[i].ID)
			if o := question.Operation; o.Path != path || o.Body != tt.hash || o.Unseen != tt.unseen {
				t.Errorf("people are shown %+v, want the hash %q, unseen %v", o, tt.hash, tt.unseen)
			}
		})
	}
}

// TestAnApprovalIsForOneBody: the request that was held goes on when a person has
// approved it, and again, but none with another body, or one that nobody sees.
func TestAnApprovalIsForOneBody(t *testing.T) {
	t.Parallel()
	a := newWaiting(t, "5m")
	var got []string
	a.b.Config.Handler = a.b.keeping(func(_ http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		got = append(got, fmt.Sprint(r.ContentLength, " ", string(text)))
	})
	placeholder := a.placeholder("write")
	post := func(ctx context.Context, text, kind string) (status int) {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, a.gateway+"/api/v1/x", strings.NewReader(text))
		if err != nil {
			t.Error(err)
			return 0
		}
		r.Header = http.Header{"X-Cloakroom-Token": {a.token}, "Authorization": {"Bearer " + placeholder}, "Content-Type": {kind}}
		answer, err := a.client.Do(r)
		if err != nil {
			return 0
		}
		defer answer.Body.Close()
		return answer.StatusCode
	}
	const kind = "application/octet-stream"
	first := make(chan int, 1)
	go func() { first <- post(t.Context(), "delete 1", kind) }()
	approved := a.question()
	a.answers("bob", "approve", approved)
	if status := <-first; status != http.StatusOK {
		t.Errorf("the request that was held: %d", status)
	}
	if status := post(t.Context(), "delete 1", kind); status != http.StatusOK {
		t.Errorf("the same again: %d", status)
	}
	for text, kind := range map[string]string{"delete 2": kind, "delete 1": "application/grpc", "": kind} {
		ctx, hangUp := context.WithCancel(t.Context())
		done := make(chan int, 1)
		go func() { done <- post(ctx, text, kind) }()
		a.holds(1)
		if hangUp(); <-done != 0 {
			t.Errorf("%q as %s was answered", text, kind)
		}
		a.holds(0)
	}
	if want := []string{"8 delete 1", "8 delete 1"}; !slices.Equal(got, want) {
		t.Errorf("the backend got %q", got)
	}
	stdout, stderr, code := command(t, a.dir, a.env, "session", "verify", "--all")
	if code != 0 || !strings.Contains(stdout, "put in      2 values") {
		t.Errorf("session verify: exit %d: %s%s", code, stdout, stderr)
	}
}

// TestABodyThatWasSaidNotToBe: where Check sees no body, an approval of none is for
// none, though a client of HTTP/2 declares that and sends another.
func TestABodyThatWasSaidNotToBe(t *testing.T) {
	t.Parallel()
	a := newWaiting(t, "0s")
	var got []string
	a.b.Config.Handler = a.b.keeping(func(_ http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		got = append(got, string(text))
	})
	placeholder := a.placeholder("write")
	send := func(body string, more ...string) int {
		fields := append([]string{":method", "POST", ":scheme", "http", ":path", "/api/v1/x", ":authority", "api.test",
			"x-cloakroom-token", a.token, "authorization", "Bearer " + placeholder, "content-type", "application/connect+json"}, more...)
		return raw2(strings.TrimPrefix(a.gateway, "http://"), fields, body, nil).status
	}
	if status := send("", "content-length", "0"); status != http.StatusForbidden {
		t.Fatalf("nobody has approved it: %d", status)
	}
	var waiting []struct{ ID string }
	a.run(&waiting, "approval", "ls")
	a.answers("bob", "approve", waiting[0].ID)
	if status := send("", "content-length", "0"); status != http.StatusOK {
		t.Errorf("what was approved: %d", status)
	}
	if status := send("delete", "content-length", "0"); status == http.StatusOK {
		t.Error("with a body all the same")
	}
	if status := send("delete"); status != http.StatusForbidden {
		t.Errorf("with a body of no declared length: %d", status)
	}
	if !slices.Equal(got, []string{""}) {
		t.Errorf("the backend got %q", got)
	}
}
