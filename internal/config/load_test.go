package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cloakroom/internal/access"
)

// base is a small file that is right; tests add to it or replace parts.
const base = `identity: {issuers: [{issuer: "https://a.test", audiences: [x]}]}
tiers: {low: {lease: 15m}}
credentials:
  - {name: a, tier: low, groups: [g], value: {env: GOOD}, allow: [{hosts: [h.test], methods: [GET], paths: [/]}]}
envoy: {upstreams: [{host: h.test, tls: true}]}
`

const reachTLS = `tls: {cert: /c, key: /k, ca: /ca, name: cloakroom}`

// reaching is base with an Envoy that reaches the service elsewhere.
func reaching(service string) string {
	return strings.Replace(base, "envoy: {", "envoy: {service: {"+service+"}, ", 1)
}

func TestSmallFiles(t *testing.T) {
	dir := folder(t)
	for _, tt := range []struct {
		name, text string
		want       string // part of the only error; empty: none
	}{
		{"base", base, ""},
		{"a drop-in for OPA", "policy: {dir: policy, decision: envoy/authz/allow}\nlisten: {grpc: \":9191\"}\n", ""},
		{"nothing", "", "the file is empty"},
		{"a comment", "# nothing\n", "the file is empty"},
		{"null", "---\n", "found nothing"},
		{"a list", "- a\n", "want a mapping for the configuration, found a list"},
		{"not UTF-8", "a: \xff\n", "not YAML"},
		{"control byte", "a: \"\x01\"\n", "not YAML"},
		{"broken", "a: [1\nb: 2\n", "cloakroom.yaml:2:"},
		{"two documents", base + "---\nb: 1\n", "a second YAML document"},
		{"broken second document", base + "---\n}\n", "not YAML"},
		{"no credentials and no policy", "tiers: {low: {lease: 1m}}\n", "neither credentials nor a policy"},
		{"merge key", strings.Replace(base, "{lease: 15m}", "{<<: {lease: 1m}, lease: 15m}", 1), "a merge key"},
		{"tag", strings.Replace(base, "15m", "!!str 15m", 1), "a tag"},
		{"own tag", strings.Replace(base, "{env: GOOD}", "!x {env: GOOD}", 1), "a tag"},
		{"anchor alone", strings.Replace(base, "15m", "&a 15m", 1), ""},
		{"key twice", base + "tiers: {high: {lease: 1m}}\n", `key "tiers" stands twice; first on line 2`},
		{"number for a key", base + "5: a\n", `unknown key "5"`},
		{"list for a key", base + "[a]: b\n", "want a name for a key"},
		{"null section", base + "admin:\n", "want a mapping for admin, found nothing"},
		{"grpc on TCP", base + "listen: {grpc: \"127.0.0.1:9191\"}\n", "could ask for values"},
		{"grpc on TCP with TLS alone", base + "listen: {grpc: \"127.0.0.1:9191\", tls: {cert: tls/server.pem, key: tls/server-key.pem}}\n", "could ask for values"},
		{"grpc on TCP with a key", base + "listen: {grpc: \"127.0.0.1:9191\", key: {env: GITHUB_TOKEN}}\n", ""},
		{"grpc on TCP with a weak key", base + "listen: {grpc: \"127.0.0.1:9191\", key: {env: WEAK}}\n", "easy to guess"},
		{"grpc on a socket", base + "listen: {grpc: \"unix:///run/x.sock\"}\n", ""},
		{"clients without CA", base + "listen: {tls: {cert: tls/server.pem, key: tls/server-key.pem, clients: [a]}}\n", "need each other"},
		{"whole trust domain", base + "listen: {tls: {cert: tls/server.pem, key: tls/server-key.pem, client_ca: tls/server.pem, clients: [\"spiffe://a.test\", b]}}\n", "not one client's identity"},
		{"key of another certificate", base + "listen: {tls: {cert: tls/server.pem, key: tls/server.pem}}\n", "is not a certificate with the key"},
		{"socket's path too long", base + "listen: {grpc: \"unix:///" + strings.Repeat("a", 120) + "\"}\n", "no path of a socket"},
		{"port too high", base + "listen: {admin: \"127.0.0.1:70000\"}\n", "not an address"},
		{"sharing port 0", base + "listen: {admin: \"127.0.0.1:0\", grpc: \"127.0.0.1:0\", key: {env: GITHUB_TOKEN}}\n", ""},
		{"a value where its source's kind stands", strings.Replace(base, "{env: GOOD}", "{sk_live_9f8e7d6c}", 1), ": unknown key in value\n"},
		{"agents on TCP", base + "listen: {agent: \"127.0.0.1:0\"}\n", "could pass for Envoy"},
		{"agents on TCP with a key", base + "listen: {agent: \"127.0.0.1:0\", key: {env: GITHUB_TOKEN}}\n", "could pass for Envoy"},
		{"agents on TCP with clients", base + "listen: {agent: \"127.0.0.1:0\", tls: {cert: tls/server.pem, key: tls/server-key.pem, client_ca: tls/server.pem, clients: [envoy]}}\n", ""},
		{"an Envoy elsewhere", reaching(`grpc: "cloakroom:9191", agent: "cloakroom:9193", ` + reachTLS), ""},
		{"an Envoy elsewhere without TLS", reaching(`grpc: "cloakroom:9191"`), "service has no tls"},
		{"an Envoy elsewhere without CA", reaching(`grpc: "cloakroom:9191", tls: {cert: /c, key: /k, name: cloakroom}`), "tls has no ca"},
		{"an Envoy elsewhere by a relative path", reaching(`grpc: "cloakroom:9191", tls: {cert: c, key: /k, ca: /ca, name: cloakroom}`), "is not an absolute path"},
		{"an Envoy elsewhere, but not where", reaching(`agent: "cloakroom:9193", ` + reachTLS), "service has no grpc"},
		{"an Envoy elsewhere by no port", reaching(`grpc: cloakroom, ` + reachTLS), "is not an address"},
		{"plaintext to loopback", strings.Replace(base, "tls: true", `address: "127.0.0.1:1"`, 1), ""},
		{"plaintext elsewhere", strings.Replace(base, "tls: true", `address: "h.test:1"`, 1), "in plaintext"},
		{"plaintext, and said so", strings.Replace(base, "tls: true", `address: "h.test:1", plaintext: true`, 1), ""},
		{"tls: false", strings.Replace(base, "tls: true", `address: "h.test:1", tls: false`, 1), "in plaintext"},
		{"plaintext without values", "policy: {dir: policy}\nenvoy: {upstreams: [{host: h.test, address: \"h.test:1\"}]}\n", ""},
		{"tls: yes", strings.Replace(base, "tls: true", "tls: yes", 1), "want true, or a mapping"},
		{"prefixes side by side", base[:len(base)-3] + ", {host: b.test, prefix: /a, tls: true}, {host: c.test, prefix: /ab, tls: true}]}\n", ""},
		{"prefix twice", base[:len(base)-3] + ", {host: b.test, prefix: /a, tls: true}, {host: c.test, prefix: /a, tls: true}]}\n", "overlaps"},
		{"credential without issuers", base[strings.Index(base, "\n")+1:], "there is no issuer"},
		{"body locations", strings.Replace(base, "paths: [/]", "paths: [/], in: [\"body:/key\", \"form:key\", \"message:/key\"]", 1), ""},
		{"body location that is no pointer", strings.Replace(base, "paths: [/]", "paths: [/], in: [\"body:key\"]", 1), "want a JSON pointer"},
		{"body location with a wildcard", strings.Replace(base, "paths: [/]", "paths: [/], in: [\"body:/keys/*\"]", 1), "no wildcards"},
		{"root key short", base + "keys: {env: WEAK}\n", "want 32 bytes in base64"},
		{"root key unset", base + "keys: {env: NONE}\n", "not set"},
		{"root key made later", base + "keys: {file: none.key}\n", ""},
		{"root key broken", base + "keys: {file: values/pay}\n", "want 32 bytes in base64"},
		{"days out of range", strings.Replace(base, "15m", "99999d", 1), "not a duration"},
		{"no unit", strings.Replace(base, "15m", `"15"`, 1), "not a duration"},
		{"policy that is a file", base + "policy: {dir: values/pay}\n", "is not a folder"},
		{"store of another kind", base + "store: {url: \"mysql://x\"}\n", "not the URL of a store"},
		{"PostgreSQL", base + "store: {url: \"postgres://u@db.test/x?sslmode=verify-full\", password: {env: WEAK}}\n", ""},
		{"PostgreSQL without TLS for sure", base + "store: {url: \"postgres://u@127.0.0.1,db.test/x?sslmode=prefer\"}\n", "could take TLS off"},
		{"PostgreSQL on a socket", base + "store: {url: \"postgresql:///x?host=/run/postgresql\"}\n", ""},
		{"PostgreSQL with a password in its parameters", base + "store: {url: \"postgres://db.test/x?sslmode=disable&password=y\"}\n", "holds a password"},
		{"PostgreSQL that is no URL", base + "store: {url: \"postgres://db.test:x/\"}\n", "not the URL of a store"},
		{"PostgreSQL with a password of nobody", base + "store: {url: \"postgres://db.test/x?sslmode=disable\", password: {env: WEAK}}\n", "names no user"},
		{"a password for a file", base + "store: {password: {env: WEAK}}\n", "takes none"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, _, err := load(t, dir, tt.text)
			if tt.want == "" {
				if err != nil || c == nil {
					t.Fatal(err)
				}
				return
			}
			var es Errors
			if !errors.As(err, &es) || c != nil || len(es) != 1 || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want one error with %q", err, tt.want)
			}
		})
	}
}

func TestGroups(t *testing.T) {
	dir := t.TempDir()
	a, b := access.Group{Issuer: "https://a.test", Name: "g"}, access.Group{Issuer: "https://b.test", Name: "g"}
	for _, tt := range []struct {
		name, allowedA, allowedB, group string
		want                            access.Group
		wrong                           string // part of the error
	}{
		{"in one list", "[g]", "[h]", "g", a, ""},
		{"in the other list", "[h]", "[g]", "g", b, ""},
		{"in one list, the other open", "[g]", "", "g", a, ""},
		{"in both lists", "[g]", "[g]", "g", a, "could be of several issuers"},
		{"both open", "", "", "g", a, "could be of several issuers"},
		{"not in the list, the other open", "[h]", "", "g", a, "could be of several issuers"},
		{"in no list", "[h]", "[i]", "g", a, "in no issuer's groups_allowed"},
		{"qualified", "[g]", "[g]", "b.test/g", b, ""},
		{"qualified, open", "", "", "a.test/g", a, ""},
		{"qualified, not in the list", "[g]", "[h]", "b.test/g", a, `not in groups_allowed of issuer "b.test"`},
		{"unknown issuer", "[g]", "[g]", "c.test/g", a, "in no issuer's groups_allowed"},
	} {
		issuer := func(name, allowed string) string {
			s := fmt.Sprintf(`{issuer: "https://%s", audiences: [x]`, name)
			if allowed != "" {
				s += ", groups_allowed: " + allowed
			}
			return s + "}"
		}
		text := strings.Replace(base, base[:strings.Index(base, "\n")],
			"identity: {issuers: ["+issuer("a.test", tt.allowedA)+", "+issuer("b.test", tt.allowedB)+"]}", 1)
		c, _, err := load(t, dir, strings.Replace(text, "groups: [g]", "groups: ["+tt.group+"]", 1))
		switch {
		case tt.wrong != "":
			if err == nil || !strings.Contains(err.Error(), tt.wrong) {
				t.Errorf("%s: %v", tt.name, err)
			}
		case err != nil:
			t.Errorf("%s: %v", tt.name, err)
		case !slices.Equal(c.Credentials[0].Groups, []access.Group{tt.want}):
			t.Errorf("%s: %v", tt.name, c.Credentials[0].Groups)
		}
	}
}

func TestDefaults(t *testing.T) {
	dir := t.TempDir()
	c, warnings, err := load(t, dir, base)
	if err != nil || len(warnings) != 0 {
		t.Fatal(err, warnings)
	}
	for what, got := range map[string]string{
		"cloakroom.db": c.Store.Path, "record": c.Record.Dir, "cloakroom.key": c.Keys.File,
	} {
		if got != filepath.Join(dir, what) {
			t.Errorf("%s is at %q", what, got)
		}
	}
	if got := strings.Join(c.Identity.TokenHeaders, " "); got != "proxy-authorization x-cloakroom-token authorization" {
		t.Errorf("token headers: %s", got)
	}
	if i := c.Identity.Issuers[0]; i.Name != "a.test" || !slices.Equal(i.Groups, []string{"groups"}) || i.Human {
		t.Errorf("issuer: %+v", i)
	}
	if c.Envoy.Listen != defaultListen || c.Envoy.Upstreams[0].Address != "h.test:443" || c.Strict || c.Listen.GRPC != "" {
		t.Errorf("%+v", c)
	}
}

// TestLocationsThatNeverCount are no errors, but nobody means them.
func TestLocationsThatNeverCount(t *testing.T) {
	for in, want := range map[string]string{
		`methods: [GET], in: ["message:/key"]`:               "",
		`methods: ["*"], in: ["message:/key", "form:key"]`:   "",
		`methods: [POST], in: ["body:/key", "message:/key"]`: "message:/key: a WebSocket is asked for with GET",
		`methods: [POST], in: ["form:/key"]`:                 "form:/key: a form's field has a name",
	} {
		_, warnings, err := load(t, folder(t), strings.Replace(base, "methods: [GET]", in, 1))
		if err != nil || len(warnings) > 1 || (len(warnings) == 1) != (want != "") || want != "" && !strings.Contains(warnings[0].String(), want) {
			t.Errorf("%s: %v, %v", in, warnings, err)
		}
	}
}

// TestValuesThatBodiesCannotCarry: JSON is UTF-8, and what would part a multipart
// form goes up in the other one.
func TestValuesThatBodiesCannotCarry(t *testing.T) {
	with := func(value, in string) (warning, failure string) {
		text := strings.Replace(strings.Replace(base, "methods: [GET]", "methods: [POST], in: ["+in+"]", 1), "env: GOOD", "env: "+value, 1)
		_, warnings, err := load(t, folder(t), text)
		return fmt.Sprint(warnings), fmt.Sprint(err)
	}
	if warned, err := with("LINES", `"form:key"`); err != "<nil>" || !strings.Contains(warned, `"a" can stand at form:key in urlencoded forms only`) {
		t.Errorf("lines in a form: %s, %s", warned, err)
	}
	for value, in := range map[string]string{"LINES": `"body:/key"`, "BYTES": `"form:key"`, "GOOD": `"body:/key", "form:key"`} {
		if warned, err := with(value, in); err != "<nil>" || warned != "[]" {
			t.Errorf("%s at %s: %s, %s", value, in, warned, err)
		}
	}
	if _, err := with("BYTES", `"body:/key"`); !strings.Contains(err, `the value of "a" cannot stand at body:/key: it is not UTF-8`) {
		t.Errorf("bytes in JSON: %s", err)
	}
}

func TestBombsAndFloods(t *testing.T) {
	dir := t.TempDir()
	bomb := "a: &a [x, x, x, x, x, x, x, x, x]\n"
	for c := 'b'; c < 'z'; c++ {
		bomb += fmt.Sprintf("%c: &%c [%s*%c]\n", c, c, strings.Repeat(fmt.Sprintf("*%c, ", c-1), 8), c-1)
	}
	_, _, err := load(t, dir, bomb)
	var es Errors
	if !errors.As(err, &es) || len(es) != maxErrors+1 || !strings.Contains(es[maxErrors].Message, "more errors") {
		t.Errorf("%d errors: %.300v", len(es), err)
	}
	if _, _, err := load(t, dir, base+"#"+strings.Repeat("x", maxFile)); err == nil || !strings.Contains(err.Error(), "over 4 MiB") {
		t.Errorf("%.300v", err)
	}
	if _, _, err := load(t, dir, strings.Repeat("[", 100_000)); err == nil {
		t.Error("no error")
	}
}

func TestLoadTellsWhichFile(t *testing.T) {
	for _, path := range []string{filepath.Join(t.TempDir(), "none.yaml"), t.TempDir()} {
		if _, _, err := Load(path, env); err == nil || !strings.HasPrefix(err.Error(), path+": ") {
			t.Errorf("%v", err)
		}
	}
}

func TestQuickstartLoads(t *testing.T) {
	_, warnings, err := Load("../../examples/quickstart/cloakroom.yaml", func(name string) (string, bool) {
		return strings.ToLower(name) + "-Xq7vN2pLv8Kq2LmZ0pXr7TyW", true
	})
	if err != nil || len(warnings) != 0 {
		t.Error(err, warnings)
	}
}

func TestSuggest(t *testing.T) {
	known := []string{"credentials", "identity", "tiers"}
	for name, want := range map[string]string{
		"credential": `did you mean "credentials"?`, "Tiers": `did you mean "tiers"?`, "idnetity": `did you mean "identity"?`,
		"x": "known: credentials, identity, tiers", strings.Repeat("tiers", 1000): "known: credentials, identity, tiers",
	} {
		if got := suggest(name, slices.Clone(known)); got != want {
			t.Errorf("suggest(%.20q) = %s", name, got)
		}
	}
}

func FuzzLoad(f *testing.F) {
	for _, name := range []string{"full.yaml", "bad.yaml"} {
		b, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(base))
	f.Add([]byte("a: &a [*a]\n<<: *a\n? {b: c}\n: !!binary x\n"))
	f.Add([]byte("identity:\ntiers:\n credentials: \nenvoy: {upstreams: [{}, [], ~, 1]}"))
	f.Add([]byte("store: {url: \"postgres://u:p@[::1,a/x?host=b\", password: {env: GOOD}}\nwebhooks: [{}, {url: {}}, {form: x, secret: ~}]\nslack: {people: {a: ~, U1: {groups: [x]}}}"))
	dir := folder(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		c, _, err := parse(filepath.Join(dir, "cloakroom.yaml"), data, env, true)
		if (c == nil) == (err == nil) {
			t.Fatalf("%v, %v", c, err)
		}
		if err != nil {
			if es, ok := err.(Errors); !ok || len(es) == 0 || len(es) > maxErrors+1 || strings.Contains(err.Error(), canary) {
				t.Fatalf("%T %v", err, err)
			}
			return
		}
		checkSafe(t, c)
	})
}

// checkSafe holds what any accepted file must be.
func checkSafe(t *testing.T, c *Config) {
	t.Helper()
	for _, d := range c.Credentials {
		if _, err := c.Sources[d.Name].ReadWith(env); err != nil || len(d.Groups) == 0 || len(d.Rules) == 0 || d.Tier.Lease <= 0 {
			t.Fatalf("%+v: %v", d, err)
		}
	}
	if len(c.Credentials) > 0 && strings.Contains(c.Listen.GRPC, ":") && !strings.HasPrefix(c.Listen.GRPC, "unix:///") &&
		c.Listen.Key == nil && (c.Listen.TLS == nil || len(c.Listen.TLS.Clients) == 0) {
		t.Fatalf("anybody may ask for values: %+v", c.Listen)
	}
	if _, err := newSet(c); err != nil {
		t.Fatalf("what Load accepts, inventory refuses: %v", err)
	}
	c.Resolved(nil)
}

// A listing works where the values are not: in an operator's shell.
func TestLoadRulesReadsNoValue(t *testing.T) {
	none := func(string) (string, bool) { return "", false }
	path := filepath.Join("..", "..", "examples", "quickstart", "cloakroom.yaml")
	if _, _, err := Load(path, none); err == nil {
		t.Fatal("Load found values that are not there: the test shows nothing")
	}
	cfg, _, err := LoadRules(path, none)
	if err != nil {
		t.Fatal(err)
	}
	if len(cfg.Credentials) == 0 {
		t.Error("no credentials")
	}
}
