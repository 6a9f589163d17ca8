package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestKilledUnderLoad kills the service in the middle of everything, over and
// over. What an agent got whole is recorded whole, what it was let do is in the
// log, and the log proves itself.
func TestKilledUnderLoad(t *testing.T) {
	t.Parallel()
	m := echoing(t)
	whole := map[string]bool{}
	for round := range killings {
		killed := make(chan struct{})
		got := m.flood(fmt.Sprintf("round-%d", round), killed)
		time.Sleep(time.Duration(300+100*(round%5)) * time.Millisecond)
		m.up.kill()
		close(killed)
		for _, path := range <-got {
			whole[path] = true
		}
		m.start()
	}
	m.up.stop(t)
	if len(whole) < killings {
		t.Fatalf("%d answers came whole in %d rounds", len(whole), killings)
	}
	recorded := m.recorded(t, killings)
	for path := range whole {
		switch x, ok := recorded[path]; {
		case !ok:
			t.Errorf("%s: answered, and not in the log", path)
		case x.End == nil || len(x.End.End.Recording) == 0 || x.End.End.Lost:
			t.Errorf("%s: answered whole, and not recorded whole: %+v", path, x.End)
		}
	}
	for _, arguments := range [][]string{{"log", "verify"}, {"session", "verify", "--all"}} {
		stdout, stderr, code := command(t, m.dir, m.env, arguments...)
		if code != 0 {
			t.Errorf("%v: exit %d\n%s%s", arguments, code, stdout, stderr)
		}
	}
}

// flood sends requests of a session until the service is killed. The paths of
// those come back that were answered whole.
func (m *masking) flood(session string, killed <-chan struct{}) <-chan []string {
	var mu sync.Mutex
	var whole []string
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-killed:
					return
				default:
				}
				path := fmt.Sprintf("/v1/x?%s-%d-%d", session, i, n)
				got := m.try("/api"+path, append([]string{"x-cloakroom-session", session}, m.agent...)...)
				if got.err == nil && got.status() == http.StatusOK && strings.HasPrefix(got.body, "you sent ") {
					mu.Lock()
					whole = append(whole, path)
					mu.Unlock()
				}
			}
		})
	}
	out := make(chan []string, 1)
	go func() {
		all.Wait()
		out <- whole
	}()
	return out
}

// recorded is what is known of the rounds' exchanges, by path.
func (m *masking) recorded(t *testing.T, rounds int) map[string]shown {
	t.Helper()
	out := map[string]shown{}
	for round := range rounds {
		name := fmt.Sprintf("round-%d", round)
		stdout, stderr, code := command(t, m.dir, m.env, "session", "show", name, "--json", "--limit", "0")
		if code != 0 {
			t.Fatalf("%s: %s", name, stderr)
		}
		var all []shown
		if err := json.Unmarshal([]byte(stdout), &all); err != nil {
			t.Fatal(err)
		}
		for _, x := range all {
			out[x.Decision.Decision.Path] = x
		}
	}
	return out
}
