//go:build docker

package docker

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moby/moby/client"
)

const gateway = "http://envoy:8080"

// TestCompose starts all of docker-compose.yaml once, and tries it from where
// the agent runs.
func TestCompose(t *testing.T) {
	s := newStack(t)
	for _, name := range slices.Sorted(maps.Keys(s.project.Services)) {
		s.up(t, name)
	}
	t.Run("a key is put in and masked", s.exchange)
	t.Run("a ticket from the agents' endpoint", s.ticket)
	t.Run("an approval is asked for", s.pending)
	t.Run("an agent reaches Envoy alone", s.isolated)
	t.Run("nobody is root", s.nobody)
	t.Run("no value lies about", s.tidy)
	t.Run("a replica that is stopped finishes its work", s.stopped)
	t.Run("a replica that is killed is not missed", s.killed)
}

func (s *stack) exchange(t *testing.T) {
	placeholder := s.placeholder(t, "demo-read")
	out, code := s.curl(t, "--header", "authorization: Bearer "+placeholder, gateway+"/api/echo")
	if code != 0 || !strings.HasPrefix(out, "HTTP/1.1 200") || !strings.Contains(out, "x-echo-key: "+placeholder) || strings.Contains(out, s.secret(t, "demo-key")) {
		t.Errorf("curl: %d\n%s", code, out)
	}
	out, _ = s.curl(t, "--header", "authorization: Bearer "+placeholder, gateway+"/api/repos/acme/vault")
	if !strings.HasPrefix(out, "HTTP/1.1 403") || !strings.Contains(out, "the repository vault is closed") {
		t.Errorf("against the operator's own policy:\n%s", out)
	}
}

func (s *stack) ticket(t *testing.T) {
	out, _ := s.curl(t, "--json", `{"credential":"demo-read","reason":"a test"}`, gateway+"/.well-known/cloakroom/leases")
	var got struct{ Ticket string }
	head, body, _ := strings.Cut(out, "\r\n\r\n")
	if err := json.Unmarshal([]byte(body), &got); err != nil || !strings.HasPrefix(head, "HTTP/1.1 201") || got.Ticket == "" {
		t.Fatalf("asking for a ticket: %v\n%s", err, out)
	}
	for range 4 { // whichever replica is asked
		if out, _ := s.curl(t, "--header", "authorization: Bearer "+got.Ticket, gateway+"/api/user"); !strings.HasPrefix(out, "HTTP/1.1 200") {
			t.Errorf("with a ticket:\n%s", out)
		}
	}
}

func (s *stack) pending(t *testing.T) {
	out, _ := s.curl(t, "--json", `{"credential":"demo-billing","reason":"a test"}`, gateway+"/.well-known/cloakroom/leases")
	if !strings.HasPrefix(out, "HTTP/1.1 202") || !strings.Contains(out, `"http://localhost:9192/approvals/`) {
		t.Errorf("asking for what somebody must approve:\n%s", out)
	}
}

// isolated tries every other service from the agent's container, by name and by
// each of its addresses.
func (s *stack) isolated(t *testing.T) {
	var tries sync.WaitGroup
	for name, ports := range map[string][]string{"cloakroom-1": {"9191", "9192", "9193"}, "cloakroom-2": {"9191"}, "upstream": {"9001"}, "postgres": {"5432"}, "keycloak": {"8443"}} {
		addresses := []string{name}
		for _, n := range s.inspect(t, name).NetworkSettings.Networks {
			addresses = append(addresses, n.IPAddress.String())
		}
		for _, a := range addresses {
			for _, port := range ports {
				tries.Go(func() {
					if s.reaches(t, a+":"+port) {
						t.Errorf("the agent reaches %s at %s:%s", name, a, port)
					}
				})
			}
		}
	}
	tries.Wait()
	if !s.reaches(t, "envoy:8080") {
		t.Error("the agent does not reach Envoy")
	}
}

// reaches tells whether a connection can be made from the agent's container.
func (s *stack) reaches(t *testing.T, address string) bool {
	out, _ := s.exec(t, "agent", "curl", "--silent", "--output", "/dev/null", "--connect-timeout", "1", "--max-time", "3", "--write-out", "%{time_connect}", "http://"+address)
	return strings.Trim(out, "0.") != ""
}

func (s *stack) nobody(t *testing.T) {
	for _, name := range []string{"cloakroom-1", "cloakroom-2", "bootstrap", "envoy", "upstream", "agent"} {
		c := s.inspect(t, name)
		uid, _, _ := strings.Cut(c.Config.User, ":")
		if uid == "" || uid == "0" || uid == "root" {
			t.Errorf("%s runs as %q", name, c.Config.User)
		}
		if !c.HostConfig.ReadonlyRootfs {
			t.Errorf("%s can write to its root", name)
		}
	}
	for path, want := range map[string]int{"/etc/cloakroom/x": 1, "/usr/bin/x": 1, "/tmp/x": 1, "/var/lib/cloakroom/record/x": 0} {
		if out, code := s.exec(t, "cloakroom-1", "cloakroom", "envoy", "bootstrap", "--output", path); code != want {
			t.Errorf("writing %s: %d, want %d: %s", path, code, want, out)
		}
	}
}

// tidy looks for the values in what Docker shows of containers, and in all that
// they said.
func (s *stack) tidy(t *testing.T) {
	for name, c := range s.containers {
		text, err := json.Marshal(s.inspect(t, name))
		must(t, err)
		logs, err := c.Logs(t.Context())
		must(t, err)
		all := string(text) + read(logs)
		for _, secret := range []string{"demo-key", "billing-key", "postgres-password", "cloakroom.key"} {
			if strings.Contains(all, s.secret(t, secret)) {
				t.Errorf("the %s is to be seen at %s", secret, name)
			}
		}
	}
}

// stopped ends one replica as `docker stop` does, while events flow through both
// and requests go on.
func (s *stack) stopped(t *testing.T) {
	placeholder := s.placeholder(t, "demo-read")
	var streams sync.WaitGroup
	for range 4 {
		streams.Go(func() {
			out, code := s.curl(t, "--header", "authorization: Bearer "+placeholder, gateway+"/api/events?n=25")
			if n := strings.Count(out, "\ndata:"); code != 0 || n != 25 {
				t.Errorf("a stream ended with %d after %d of 25 events:\n%s", code, n, out)
			}
		})
	}
	time.Sleep(time.Second) // so that the streams have begun
	streams.Go(func() { s.goesOn(t, placeholder) })
	must(t, s.containers["cloakroom-1"].Stop(t.Context(), nil))
	streams.Wait()
	if c := s.inspect(t, "cloakroom-1"); c.State.ExitCode != 0 || c.State.OOMKilled {
		t.Errorf("the replica ended with %+v", c.State)
	}
	s.goesOn(t, placeholder)
	must(t, s.containers["cloakroom-1"].Start(t.Context()))
}

func (s *stack) killed(t *testing.T) {
	engine, err := client.New(client.FromEnv)
	must(t, err)
	defer engine.Close()
	placeholder := s.placeholder(t, "demo-read")
	_, err = engine.ContainerKill(t.Context(), s.containers["cloakroom-2"].GetContainerID(), client.ContainerKillOptions{Signal: "KILL"})
	must(t, err)
	s.goesOn(t, placeholder)
	must(t, s.containers["cloakroom-2"].Start(t.Context()))
	s.goesOn(t, placeholder)
}

// goesOn sends fifty requests one after the other, and wants each answered.
func (s *stack) goesOn(t *testing.T, placeholder string) {
	out, code := s.exec(t, "agent", "sh", "-c", `curl --silent --max-time 20 --output /dev/null --write-out '%{http_code} ' \
		--header "x-cloakroom-token: $(cat /run/agent/token)" --header "authorization: Bearer `+placeholder+`" '`+gateway+`/api/user?[1-50]'`)
	if got := strings.Fields(out); code != 0 || len(got) != 50 || slices.ContainsFunc(got, func(status string) bool { return status != "200" }) {
		t.Errorf("curl ended with %d: %s", code, out)
	}
}

// secret is what a file of secrets holds.
func (s *stack) secret(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(filepath.Dir(s.project.Secrets["demo-key"].File), name))
	must(t, err)
	return strings.TrimSpace(string(b))
}
