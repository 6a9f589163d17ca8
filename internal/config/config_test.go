package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"flag"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"cloakroom/internal/inventory"
)

var update = flag.Bool("update", false, "write golden files anew")

const canary = "s3cr3t-canary-Xq7vN2pL"

func env(name string) (string, bool) {
	v, ok := map[string]string{
		"GITHUB_TOKEN": "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
		"SHORT":        "hunter2hunter2",
		"WEAK":         "hunter2hunter2",
		"GOOD":         canary,
		"ALSO_GOOD":    canary,
		"LINES":        "-----BEGIN x-----\nQm9vc3RlZC1rZXk8Kq2LmZ0pXr7TyW\n",
		"BYTES":        "\xffQm9vc3RlZC1rZXk8Kq2LmZ0pXr7TyW",
		"HOOK_URL":     "https://hooks.slack.com/services/T0/B0/" + canary,
		"HOOK_SECRET":  "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
		"ROOT":         "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
	}[name]
	return v, ok
}

// golden compares got with a file, without the folder that differs by machine.
func golden(t *testing.T, name, got, dir string) {
	t.Helper()
	got = strings.ReplaceAll(got, dir, "DIR")
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; got:\n%s", path, got)
	}
}

// folder has testdata's policy and the files that full.yaml names.
func folder(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for _, sub := range []string{"policy", "values", "tls"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	cert, key := certificate(t)
	for name, text := range map[string]string{
		"values/pay": "v8Kq2LmZ0pXr7TyWb5\n", "tls/server.pem": cert, "tls/server-key.pem": key,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func certificate(t testing.TB) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Unix(1<<32, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	return block("CERTIFICATE", der), block("PRIVATE KEY", keyDER)
}

// load reads text as the file cloakroom.yaml in dir.
func load(t testing.TB, dir, text string) (*Config, []Warning, error) {
	t.Helper()
	path := filepath.Join(dir, "cloakroom.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Load(path, env)
}

func testdata(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func newSet(c *Config) (*inventory.Set, error) {
	credentials, upstreams := c.Inventory()
	return inventory.New(inventory.Key{}, credentials, upstreams, c.Strict)
}

func TestFull(t *testing.T) {
	dir := folder(t)
	c, warnings, err := load(t, dir, testdata(t, "full.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, w := range warnings {
		lines = append(lines, w.String())
	}
	golden(t, "full.warnings", strings.Join(lines, "\n")+"\n", dir)
	all, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "full.json", string(all)+"\n", dir)
	resolved, err := yaml.Marshal(c.Resolved(inventory.Key{}.Placeholder))
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "full.resolved.yaml", string(resolved), dir)
	for _, secret := range []string{"ghp_16C", "hunter2", "v8Kq2", "T0/B0", "siem.example.com/", "C2FVs"} {
		if strings.Contains(string(all)+string(resolved)+strings.Join(lines, ""), secret) {
			t.Errorf("the value %q is shown", secret)
		}
	}
	set, err := newSet(c)
	if err != nil || len(set.Credentials()) != 3 {
		t.Errorf("what Load accepts, inventory refuses: %v", err)
	}
	if target, err := set.Target("prefix:/github", "upstream:/github", "GET", "/github/user"); err != nil || target.Path != "/user" {
		t.Error(target, err)
	}
}

func TestEveryErrorAtOnce(t *testing.T) {
	dir := t.TempDir()
	c, _, err := load(t, dir, testdata(t, "bad.yaml"))
	var es Errors
	if !errors.As(err, &es) || c != nil {
		t.Fatal(c, err)
	}
	golden(t, "bad.errors", err.Error()+"\n", dir)
	for _, secret := range []string{canary, "s3cr3t", "hunter2", "BEGIN"} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("the value %q is shown", secret)
		}
	}
	for _, e := range es {
		if e.File == "" || e.Line == 0 || e.Column == 0 || e.Message == "" {
			t.Errorf("without place: %+v", e)
		}
	}
}
