package docker

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
)

// load reads docker-compose.yaml, with the secrets of a folder.
func load(t *testing.T, secrets string) *types.Project {
	t.Helper()
	root, err := filepath.Abs("../..")
	must(t, err)
	p, err := loader.LoadWithContext(t.Context(), types.ConfigDetails{
		WorkingDir: root, ConfigFiles: []types.ConfigFile{{Filename: filepath.Join(root, "docker-compose.yaml")}},
	}, func(o *loader.Options) { o.SkipResolveEnvironment = true })
	must(t, err)
	for name, s := range p.Secrets {
		s.File = filepath.Join(secrets, filepath.Base(s.File))
		p.Secrets[name] = s
	}
	for name, s := range p.Services {
		for i := range s.EnvFiles {
			s.EnvFiles[i].Path = filepath.Join(secrets, filepath.Base(s.EnvFiles[i].Path))
		}
		p.Services[name] = s
	}
	return p
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("preparing the test: %v", err)
	}
}

// known are the fields of a service that the test in an engine heeds, or need not.
var known = []string{"build", "cap_drop", "command", "depends_on", "entrypoint", "env_file", "environment", "healthcheck", "image", "init",
	"networks", "ports", "read_only", "restart", "secrets", "security_opt", "stop_grace_period", "user", "volumes"}

// fieldsOf are the fields that a service has.
func fieldsOf(t *testing.T, s types.ServiceConfig) (names []string) {
	t.Helper()
	text, err := json.Marshal(s)
	must(t, err)
	var all map[string]any
	must(t, json.Unmarshal(text, &all))
	for name, value := range all {
		if value != nil {
			names = append(names, name)
		}
	}
	return names
}

// prepared are the names of the files that the example's script makes.
func prepared(t *testing.T) (names []string) {
	t.Helper()
	script, err := os.ReadFile("../../examples/compose/prepare")
	must(t, err)
	names = []string{"ca.pem", "keycloak.env"}
	for line := range bytes.Lines(script) {
		switch word := strings.Fields(string(line)); {
		case len(word) > 1 && word[0] == "leaf":
			names = append(names, word[1]+".pem", word[1]+".key")
		case len(word) > 1 && word[0] == "random":
			names = append(names, word[1])
		}
	}
	return names
}

// TestProject judges docker-compose.yaml without an engine: the specification's
// schema, and what a change must not undo.
func TestProject(t *testing.T) {
	p := load(t, "secrets")
	names := prepared(t)
	for name, s := range p.Secrets {
		if !slices.Contains(names, filepath.Base(s.File)) {
			t.Errorf("nothing makes secret %s: %s", name, s.File)
		}
	}
	for name, s := range p.Services {
		repository, tag, _ := strings.Cut(s.Image, ":")
		if s.Build == nil && (tag == "" || tag == "latest") {
			t.Errorf("%s: image %s has no version", name, repository)
		}
		if !slices.Contains(s.SecurityOpt, "no-new-privileges:true") {
			t.Errorf("%s may gain privileges", name)
		}
		for _, port := range s.Ports {
			if port.HostIP != "127.0.0.1" {
				t.Errorf("%s: port %d is open to other machines", name, port.Target)
			}
		}
		for _, field := range fieldsOf(t, s) {
			if !slices.Contains(known, field) {
				t.Errorf("%s has %s, which the test in an engine leaves out", name, field)
			}
		}
	}
	var beside []string
	for name, s := range p.Services {
		if _, ok := s.Networks["agents"]; ok {
			beside = append(beside, name)
		}
	}
	slices.Sort(beside)
	if agent := slices.Collect(maps.Keys(p.Services["agent"].Networks)); !slices.Equal(beside, []string{"agent", "envoy"}) || !slices.Equal(agent, []string{"agents"}) || !p.Networks["agents"].Internal {
		t.Errorf("the agent is on networks %v, and beside it are %v", agent, beside)
	}
}
