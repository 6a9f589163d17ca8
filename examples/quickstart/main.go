// Command quickstart shows Cloakroom at work on this machine: an OIDC provider,
// an API that demands a key, Envoy and the service, and the curl lines to try.
//
//	make run
//
// It starts the programs that stand beside it in bin/, makes new keys for every
// run, and ends all of them with Ctrl-C.
package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// The provider's two clients; secrets of a demonstration.
const (
	agentID, agentSecret     = "agent", "the-demo-agent-is-no-secret"
	financeID, financeSecret = "finance", "the-demo-finance-is-no-secret"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

// addresses are where the programs listen, as the configuration has it.
type addresses struct{ idp, api, people, page string }

func run(ctx context.Context) error {
	config := flag.String("config", "examples/quickstart/cloakroom.yaml", "configuration `file` of Cloakroom")
	var at addresses
	flag.StringVar(&at.idp, "idp", "127.0.0.1:9000", "`address` of the provider, as the configuration has it")
	flag.StringVar(&at.api, "api", "127.0.0.1:9001", "`address` of the API, likewise")
	flag.StringVar(&at.people, "people", "127.0.0.1:9002", "`address` of the provider for people, likewise")
	flag.StringVar(&at.page, "page", "127.0.0.1:9192", "`address` of the page, likewise")
	flag.Parse()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	bin, secret := filepath.Dir(self), newKey()
	environment := append(os.Environ(), "QUICKSTART_KEY="+newKey(), "QUICKSTART_BILLING_KEY="+newKey(),
		"QUICKSTART_ADMIN_KEY="+newKey(), "QUICKSTART_PAGE_SECRET="+secret)
	running, err := startAll(ctx, bin, environment, at.programs(*config, secret))
	defer func() { // the gateway first, then what stands behind it
		for i := len(running) - 1; i >= 0; i-- {
			running[i].stop()
		}
	}()
	if err != nil {
		return err
	}
	if err := explain(ctx, "http://"+at.idp, filepath.Join(bin, "cloakroom"), *config, running[3].said, "http://"+at.page, environment); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		fmt.Println("\nquickstart: ending everything")
		return nil
	case <-running[0].done:
	case <-running[1].done:
	case <-running[2].done:
	case <-running[3].done:
	}
	return errors.New("one of the programs ended; its words stand above")
}

// programs are what runs, in the order of its start; secret is the page's at the
// provider for people.
func (at addresses) programs(config, secret string) []program {
	return []program{
		{"idp", "listening on ", []string{"--listen", at.idp, "--token-ttl", "1h",
			"--client", agentID + ":" + agentSecret + ":ai-agents:alice@example.com", "--client", financeID + ":" + financeSecret + ":finance"}},
		{"idp", "listening on ", []string{"--humans", "--listen", at.people, "--page", "http://" + at.page, "--page-secret", secret}},
		{"upstream", "listening on ", []string{"--listen", at.api}},
		{"cloakroom", "cloakroom: agents: ", []string{"up", "--quiet", "--config", config}},
	}
}

func newKey() string {
	b := make([]byte, 24)
	rand.Read(b)
	return "demo_" + hex.EncodeToString(b)
}

// explain prints the lines to try, with a token that is good for an hour.
func explain(ctx context.Context, issuer, cloakroom, config, gateway, page string, environment []string) error {
	token, err := tokenOf(ctx, issuer, agentID, agentSecret)
	if err != nil {
		return err
	}
	placeholders, err := placeholdersOf(ctx, cloakroom, config, environment)
	if err != nil {
		return err
	}
	read, billing := placeholders["demo-read"], placeholders["billing"]
	say := func(what, line string) { fmt.Printf("\n# %s\n%s\n", what, line) }
	fmt.Printf(`
An agent calls an API through Envoy at %s. It holds a token of its own and
placeholders, and no key. Paste these into another terminal:

TOKEN=%s
`, gateway, token)
	curl := func(placeholder, path string) string {
		return fmt.Sprintf(`curl -i -H "x-cloakroom-token: $TOKEN" -H "authorization: Bearer %s" %s%s`, placeholder, gateway, path)
	}
	say("1. A call that succeeds: the API got its real key, the agent never had it.", curl(read, "/api/repos/acme/rocket"))
	say("2. The API gives back all that it got: the key is masked, in the body and in x-echo-key.", curl(read, "/api/echo"))
	say("3. A path that the credential's rules do not allow: stopped before the API hears of it.", curl(read, "/api/admin/users"))
	say("4. The same call as the first, without a token.", fmt.Sprintf(`curl -i -H "authorization: Bearer %s" %s/api/repos/acme/rocket`, read, gateway))
	say("5. A credential of another group.", curl(billing, "/api/billing/invoices"))
	fmt.Printf("\nThe next call waits for a person. Open %s/ while it does, log in as bob with the\npassword demo, and approve; alice cannot: the agent works for her.\n", page)
	say("6. Deleting needs a person's approval: held for a minute, then told to come again.",
		fmt.Sprintf(`curl -i -X DELETE -H "x-cloakroom-token: $TOKEN" -H "authorization: Bearer %s" %s/api/repos/acme/rocket`, placeholders["demo-delete"], gateway))
	say("What was recorded:", fmt.Sprintf("bin/cloakroom session ls --config %s", config))
	fmt.Println("\nCtrl-C ends everything.")
	return nil
}

func tokenOf(ctx context.Context, issuer, id, secret string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	form := url.Values{"grant_type": {"client_credentials"}}.Encode()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, issuer+"/oauth/token", strings.NewReader(form))
	if err != nil {
		return "", err
	}
	r.SetBasicAuth(id, secret)
	r.Header.Set("content-type", "application/x-www-form-urlencoded")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", fmt.Errorf("asking the provider for a token: %w", err)
	}
	defer answer.Body.Close()
	var got struct {
		Token string `json:"access_token"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&got); err != nil || got.Token == "" {
		return "", fmt.Errorf("asking the provider for a token: status %d", answer.StatusCode)
	}
	return got.Token, nil
}

func placeholdersOf(ctx context.Context, cloakroom, config string, environment []string) (map[string]string, error) {
	ls := exec.CommandContext(ctx, cloakroom, "credential", "ls", "--json", "--config", config)
	ls.Env = environment
	ls.Stderr = os.Stderr
	text, err := ls.Output()
	if err != nil {
		return nil, fmt.Errorf("listing credentials: %w", err)
	}
	var all []struct{ Name, Placeholder string }
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, fmt.Errorf("listing credentials: %w", err)
	}
	out := make(map[string]string)
	for _, c := range all {
		out[c.Name] = c.Placeholder
	}
	return out, nil
}
