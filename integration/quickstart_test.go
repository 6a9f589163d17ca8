package integration

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestQuickstart runs what `make run` runs, with other ports, and pastes the
// lines that it prints into a shell.
func TestQuickstart(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp(root, "q")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../examples/quickstart/cloakroom.yaml")
	if err != nil {
		t.Fatal(err)
	}
	idp, api, people, admin, gateway := freePort(t), freePort(t), freePort(t), freePort(t), freePort(t)
	config := strings.NewReplacer("127.0.0.1:9000", idp, "127.0.0.1:9001", api, "127.0.0.1:9002", people, "127.0.0.1:9192", admin, "127.0.0.1:8080", gateway).Replace(string(text))
	file := filepath.Join(dir, "cloakroom.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, dir, "quickstart", nil, "--config", file, "--idp", idp, "--api", api, "--people", people, "--page", admin)
	p.says(t, "Ctrl-C ends everything.")
	keys := keysOf(t, p.cmd.Process.Pid)
	token := "TOKEN=" + p.says(t, "TOKEN=")
	var answers []string
	for line := range strings.Lines(p.out.String()) {
		if !strings.HasPrefix(line, "curl ") && !strings.HasPrefix(line, "bin/cloakroom ") {
			continue
		}
		if strings.Contains(line, "-X DELETE") {
			go approveNext(t, "http://"+admin)
		}
		sh := exec.Command("sh", "-c", token+"\n"+line)
		sh.Dir = filepath.Dir(bin) // as one who stands in the project
		out, err := sh.Output()
		if err != nil {
			t.Fatalf("%s: %v\n%s", line, err, out)
		}
		page(string(out))
		answers = append(answers, string(out))
	}
	want := []string{"HTTP/1.1 200", "HTTP/1.1 200", "HTTP/1.1 403", "HTTP/1.1 401", "HTTP/1.1 403", "HTTP/1.1 200", "SESSION "}
	if len(answers) != len(want) {
		t.Fatalf("%d lines to try, want %d:\n%s", len(answers), len(want), p.out)
	}
	for i, answer := range answers {
		if !strings.HasPrefix(answer, want[i]) {
			t.Errorf("line %d: want %s: %s", i+1, want[i], answer)
		}
		for _, key := range keys {
			if strings.Contains(answer, key) {
				t.Errorf("line %d: a key came back", i+1)
			}
		}
	}
	if !strings.Contains(answers[1], "x-echo-key: ckr_demo-read_") || !strings.Contains(answers[1], `"Bearer ckr_demo-read_`) {
		t.Errorf("the masked echo: %s", answers[1])
	}
	pids := children(t, p.cmd.Process.Pid)
	for _, pid := range pids {
		pids = append(pids, children(t, pid)...)
	}
	if len(pids) != 5 {
		t.Errorf("processes of the quickstart: %v", pids)
	}
	if err := p.signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if <-p.done; p.err != nil {
		t.Errorf("exit: %v", p.err)
	}
	for _, pid := range pids {
		gone(t, pid)
	}
}

var questionLink = regexp.MustCompile(`href="/approvals/(\w+)"`)

// approveNext waits for a question in bob's inbox, and approves what it asks.
func approveNext(t *testing.T, base string) {
	bob := newPerson("bob")
	bob.password = "demo"
	said := ""
	for range 300 {
		_, said = bob.visit(t, base+"/")
		if link := questionLink.FindStringSubmatch(said); link != nil {
			bob.answers(t, base, link[1], url.Values{"answer": {"approve"}, "scope": {"operation"}})
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Errorf("no question came to bob's inbox: %s", said)
}

// keysOf are the keys that the quickstart made, out of the environment of its
// children; canaries from now on.
func keysOf(t *testing.T, pid int) (keys []string) {
	t.Helper()
	for _, child := range children(t, pid) {
		environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", child))
		if err != nil {
			continue // the service lets nobody look
		}
		for line := range strings.SplitSeq(string(environ), "\x00") {
			if name, key, _ := strings.Cut(line, "="); strings.HasPrefix(name, "QUICKSTART_") {
				keys = append(keys, key)
				canary(key)
			}
		}
	}
	if len(keys) < 2 {
		t.Fatal("the quickstart's keys were not found")
	}
	return keys
}
