package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"cloakroom/examples/quickstart/idp/provider"
)

// state is how a service keeps what it must keep.
type state struct {
	dir    string // its folder
	store  string // the store's URL; empty: SQLite in dir
	record string // what the configuration's record section says beside the folder
}

// buildService builds the product in dir.
func buildService(ctx context.Context, dir string) (bin string, err error) {
	bin = filepath.Join(dir, "cloakroom")
	build := exec.CommandContext(ctx, "go", "build", "-tags", "profile", "-o", bin, "./cmd/cloakroom")
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		return "", fmt.Errorf("building cloakroom: %w", err)
	}
	return bin, nil
}

// startService starts `cloakroom up` and sees to it that it does its work: the
// upstream must get the value, and the agent must not.
func startService(ctx context.Context, o options, bin string, kept state, upstream string) (*side, error) {
	issuer, token, err := startIssuer(ctx)
	if err != nil {
		return nil, err
	}
	config := filepath.Join(kept.dir, "cloakroom.yaml")
	env := []string{"CLOAKROOM_CPUPROFILE=" + o.profile}
	for n := range o.credentials {
		env = append(env, fmt.Sprintf("BENCH_VALUE_%d=%s", n, value(n)))
	}
	if err := os.WriteFile(config, []byte(configuration(o, kept, issuer, upstream)), 0o600); err != nil {
		return nil, err
	}
	service, line, err := begin(ctx, true, env, bin, "up", "--quiet", "--config", config)
	if err != nil {
		return nil, err
	}
	s := &side{name: "cloakroom", token: token, service: service.pid(), close: service.end,
		address: strings.TrimPrefix(line, "cloakroom: agents: http://")}
	if s.envoy, err = childOf(s.service); err == nil {
		err = s.prove(ctx)
	}
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// prove finds the placeholder, and looks at one exchange from both ends.
func (s *side) prove(ctx context.Context) error {
	text, err := s.get(ctx, "/.well-known/cloakroom")
	if err != nil {
		return err
	}
	_, rest, _ := strings.Cut(text, "ckr_bench-0_")
	s.key = "ckr_bench-0_" + rest[:min(26, len(rest))]
	if text, err = s.get(ctx, "/key"); err != nil {
		return err
	}
	var said struct {
		Got   string
		Right bool
	}
	if err := json.Unmarshal([]byte(text), &said); err != nil {
		return err
	}
	if !said.Right || said.Got != "Bearer "+s.key {
		return fmt.Errorf("the value was not substituted and masked: %s", text)
	}
	return nil
}

func configuration(o options, kept state, issuer, upstream string) string {
	var b strings.Builder
	store := kept.store
	if store == "" {
		store = "sqlite://state/cloakroom.db"
	}
	fmt.Fprintf(&b, "identity:\n  issuers:\n    - issuer: %s\n      audiences: [cloakroom]\n      claims: {groups: groups}\n      groups_allowed: [agents]\n", issuer)
	b.WriteString("tiers:\n  low: {lease: 1h}\ncredentials:\n")
	for n := range o.credentials {
		paths := fmt.Sprintf(`"/v%d/**", /key`, n+1)
		fmt.Fprintf(&b, "  - {name: bench-%d, tier: low, groups: [agents], value: {env: BENCH_VALUE_%d}, allow: [{hosts: [%s], methods: [GET, POST], paths: [%s]}, "+
			"{hosts: [%[3]s], methods: [POST], paths: [/upload], in: [header, \"body:/client_secret\"]}]}\n", n, n, strings.Join(hosts(o), ", "), paths)
	}
	fmt.Fprintf(&b, "store: {url: %q}\nrecord: {dir: state/log%s}\nkeys: {file: state/root}\nlisten: {admin: \"127.0.0.1:0\"}\n", store, kept.record)
	b.WriteString("envoy:\n  listen: \"127.0.0.1:0\"\n  upstreams:\n")
	for _, name := range hosts(o) {
		fmt.Fprintf(&b, "    - {host: %s, address: %q}\n", name, upstream)
	}
	return b.String()
}

// startIssuer runs an OpenID Connect provider in this process, and gets a token.
func startIssuer(ctx context.Context) (issuer, token string, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", "", err
	}
	issuer = "http://" + l.Addr().String()
	p, err := provider.New(provider.Options{Issuer: issuer, TokenTTL: time.Hour,
		Clients: []provider.Client{{ID: "agent", Secret: "bench-secret", Groups: []string{"agents"}}}})
	if err != nil {
		return "", "", err
	}
	go http.Serve(l, p)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, issuer+"/oauth/token",
		strings.NewReader(url.Values{"grant_type": {"client_credentials"}}.Encode()))
	if err != nil {
		return "", "", err
	}
	r.SetBasicAuth("agent", "bench-secret")
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", "", err
	}
	defer answer.Body.Close()
	var got struct {
		Token string `json:"access_token"`
	}
	err = json.NewDecoder(answer.Body).Decode(&got)
	if err == nil && got.Token == "" {
		err = fmt.Errorf("asking for a token: %s", answer.Status)
	}
	return issuer, got.Token, err
}
