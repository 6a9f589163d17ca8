package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The README's configuration is one that people copy: it must load as it stands.
func TestReadmeConfigurationLoads(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(text), "```yaml\n")
	if !ok {
		t.Fatal("no YAML in the README")
	}
	yaml, _, _ := strings.Cut(rest, "```")
	path := filepath.Join(t.TempDir(), "cloakroom.yaml")
	if err := os.WriteFile(path, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	env := func(name string) (string, bool) {
		return "ghp_kV7qT2mZr9XwLd4sHb8NcYp1GfJu3AeRo6Ti", name == "GITHUB_TOKEN"
	}
	_, warnings, err := Load(path, env)
	if err != nil {
		t.Fatal(err)
	}
	if len(warnings) > 0 {
		t.Errorf("warnings: %v", warnings)
	}
}
