package integration

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// quickstartKeys is a world whose backend is the quickstart's API, which takes
// its key exactly.
const quickstartKeys = `
tiers: {low: {lease: 15m}}
credentials:
  - name: demo
    tier: low
    groups: [ai-agents]
    value: {env: DEMO_KEY}
    allow:
      - hosts: [api.test]
        methods: [GET, POST]
        paths: ["/**"]
`

// quickstart starts the quickstart's API and a world before it.
func quickstart(t *testing.T) (w *world, key string) {
	t.Helper()
	key = value()
	dir, err := os.MkdirTemp(root, "q")
	if err != nil {
		t.Fatal(err)
	}
	api := start(t, dir, "upstream", []string{"QUICKSTART_KEY=" + key}, "--listen", "127.0.0.1:0")
	address := strings.TrimPrefix(api.says(t, "listening on "), "http://")
	return newWorld(t, setup{Values: map[string]string{"DEMO_KEY": key}, Config: quickstartKeys,
		Upstreams: []string{`{host: api.test, prefix: /api, address: "` + address + `"}`}}), key
}

// python runs a script with the SDKs that `make tools` fetched; it has a base
// URL and a ticket, and prints JSON.
func python(t *testing.T, script, url, ticket string) map[string]any {
	t.Helper()
	sdk := filepath.Join(tools(), "sdk")
	if _, err := os.Stat(filepath.Join(sdk, "openai")); err != nil {
		t.Fatalf("the SDKs are not in %s: run make tools", sdk)
	}
	c := exec.Command("python3", "-c", script)
	c.Env = []string{"PATH=" + os.Getenv("PATH"), "PYTHONPATH=" + sdk, "PYTHONDONTWRITEBYTECODE=1", "BASE=" + url, "KEY=" + ticket}
	out, err := c.CombinedOutput()
	page(string(out[:max(0, strings.LastIndexByte(strings.TrimSpace(string(out)), '\n'))]))
	if err != nil {
		t.Fatalf("the SDK's script: %v\n%s", err, out)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	var got map[string]any
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &got); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	return got
}

// tools is where `make tools` puts what the tests use.
func tools() string {
	if dir := os.Getenv("CLOAKROOM_TOOLS"); dir != "" {
		return dir
	}
	data := os.Getenv("XDG_DATA_HOME")
	if data == "" {
		data = filepath.Join(os.Getenv("HOME"), ".local", "share")
	}
	return filepath.Join(data, "cloakroom", "tools")
}

const openaiScript = `
import json, os, openai
client = openai.OpenAI(base_url=os.environ["BASE"], api_key=os.environ["KEY"], max_retries=0)
ask = dict(model="parrot", messages=[{"role": "user", "content": "hello there"}])
chunks = [c.choices[0].delta.content or "" for c in client.chat.completions.create(stream=True, **ask)]
wrong = 0
try:
    openai.OpenAI(base_url=os.environ["BASE"], api_key=os.environ["KEY"][:-1] + ("1" if os.environ["KEY"][-1] == "0" else "0"), max_retries=0).models.list()
except openai.APIStatusError as e:
    wrong = e.status_code
print(json.dumps({"models": [m.id for m in client.models.list()], "chunks": len(chunks), "stream": "".join(chunks),
  "chat": client.chat.completions.create(**ask).choices[0].message.content, "wrong": wrong}))
`

const githubScript = `
import json, os, github
g = github.Github(base_url=os.environ["BASE"], auth=github.Auth.Token(os.environ["KEY"]), retry=None)
issue = g.get_repo("octo/cat", lazy=True).create_issue("a title", body="a body")
repo = g.get_repo("octo/cat")
print(json.dumps({"login": g.get_user().login, "bio": g.get_user().bio, "repo": repo.full_name,
  "description": repo.description, "issue": issue.number, "title": issue.title}))
`

// TestSDKs drives unmodified SDKs that have only a base URL and a ticket as
// their key. The API answers 401 to any key but the value.
func TestSDKs(t *testing.T) {
	t.Parallel()
	w, key := quickstart(t)
	ticket := w.ticket(agentClient, "demo")
	told := "You sent the key " + ticket
	for _, tt := range []struct {
		name, script, url string
		want              map[string]any
	}{
		{"openai", openaiScript, w.gateway + "/api/v1", map[string]any{"models": []any{"parrot"}, "chunks": 6.0,
			"stream": "You said: hello there\n" + told, "chat": "You said: hello there\n" + told, "wrong": 403.0}},
		{"PyGithub", githubScript, w.gateway + "/api", map[string]any{"login": "demo", "bio": told, "repo": "octo/cat",
			"description": told, "issue": 1.0, "title": "a title"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := python(t, tt.script, tt.url, ticket)
			for k, want := range tt.want {
				a, b := encode(t, got[k]), encode(t, want)
				if strings.Contains(a, key) {
					t.Errorf("%s: the value came back", k)
				} else if a != b {
					t.Errorf("%s: got %s, want %s", k, a, b)
				}
			}
		})
	}
}

func encode(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
