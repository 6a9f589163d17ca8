package rego

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"

	"cloakroom/internal/access"
)

const whole = "package a\nb := {\"allowed\": false, \"dynamic_metadata\": input}"

// seen is the input as a policy sees it that looks at all of it.
func seen(t *testing.T, in *access.Input) map[string]any {
	t.Helper()
	p := policy(t, Options{Decision: "a/b", Modules: map[string]string{"m.rego": whole}})
	v, err := p.input(in)
	if err != nil {
		t.Fatal(err)
	}
	x, err := ast.JSON(v)
	if err != nil {
		t.Fatal(err)
	}
	return x.(map[string]any)
}

func at(x any, path ...string) any {
	for _, key := range path {
		m, _ := x.(map[string]any)
		x = m[key]
	}
	return x
}

const ticket = "ckr_gh_7zzzzzzzzzzzzzzzzzzzzzzzzz"

func hide(s string) string { return strings.ReplaceAll(s, ticket, "ckr_gh_[ticket]") }

func TestInputIsTheEnvoyPluginsOwn(t *testing.T) {
	x := seen(t, input())
	tests := []struct {
		path string
		want any
	}{
		{"attributes.request.http.method", "GET"},
		{"attributes.request.http.path", "/github/repos/a/b?q=1&q=2"},
		{"attributes.request.http.host", "gate.example.com"},
		{"attributes.request.http.scheme", "https"},
		{"attributes.request.http.headers.accept", "a,b"},
		{"attributes.request.http.headers.:authority", "gate.example.com"},
		{"attributes.request.http.headers.:method", "GET"},
		{"attributes.request.time", "2026-09-21T14:13:20Z"},
		{"attributes.source.address.socketAddress.address", "10.0.0.7"},
		{"attributes.source.address.socketAddress.portValue", json.Number("4711")},
		{"parsed_path", []any{"github", "repos", "a", "b"}},
		{"parsed_query", map[string]any{"q": []any{"1", "2"}}},
		{"parsed_body", nil},
		{"truncated_body", false},
		{"version", map[string]any{"ext_authz": "v3", "encoding": "protojson"}},
		{"principal.id", issuer + "#agent-7"},
		{"principal.groups", []any{"ai-agents"}},
		{"target.host", "api.github.com"},
		{"session", "s1"},
		{"attributes.request.http.headers.x-cloakroom-token", nil},
	}
	for _, tt := range tests {
		if got := at(x, strings.Split(tt.path, ".")...); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("input.%s is %#v, want %#v", tt.path, got, tt.want)
		}
	}
	ph := x["placeholders"].([]any)[0]
	if at(ph, "credential", "name") != "gh" || at(ph, "location") != "header:authorization" || at(ph, "kind") != "named" {
		t.Errorf("placeholder %v", ph)
	}
}

func TestPolicySeesNoTokenAndNoTicket(t *testing.T) {
	in := input(func(in *access.Input) {
		in.Hide = hide
		in.Request.Path = "/x?key=" + ticket
		in.Target.Path = in.Request.Path
		in.Request.Headers = append(in.Request.Headers, access.Header{Name: "x-api-key", Value: ticket},
			access.Header{Name: "proxy-x", Value: "Basic Y2tyX2doXzd6enp6enp6enp6enp6enp6enp6enp6enp6eg=="},
			access.Header{Name: "content-type", Value: "application/json"})
		in.Request.Body = []byte(`{"k":"` + ticket + `"}`)
		in.Attributes = func() any {
			return map[string]any{
				"contextExtensions": map[string]any{"k": ticket, "n": 1.5},
				"source":            map[string]any{"principal": "spiffe://x"},
				"request": map[string]any{"http": map[string]any{"id": "9", "protocol": "HTTP/2", "body": ticket,
					"headers": map[string]any{"x-cloakroom-token": "Bearer id-token"}}, "time": "t"},
			}
		}
	})
	x := seen(t, in)
	text, err := json.Marshal(x)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{ticket, "id-token", "Y2tyX2doXzd6", "enp6enp6enp6enp6eg"} {
		if strings.Contains(string(text), secret) {
			t.Errorf("%q is in the input", secret)
		}
	}
	if at(x, "attributes", "source", "principal") != "spiffe://x" || at(x, "attributes", "request", "http", "protocol") != "HTTP/2" {
		t.Errorf("the transport's own attributes are missing: %s", text)
	}
	if at(x, "parsed_body", "k") != "ckr_gh_[ticket]" {
		t.Errorf("parsed_body %v", x["parsed_body"])
	}
}

func TestTheTransportIsAskedOnlyWhenNeeded(t *testing.T) {
	for rule, want := range map[string]bool{
		`b if input.attributes.request.http.method == "GET"`: false,
		`b if input.attributes.source.principal == "x"`:      true,
	} {
		asked := false
		p := policy(t, Options{Decision: "a/b", Modules: map[string]string{"m.rego": "package a\n" + rule}})
		_, err := p.Evaluate(t.Context(), input(func(in *access.Input) {
			in.Attributes = func() any { asked = true; return map[string]any{} }
		}))
		if err != nil || asked != want {
			t.Errorf("%s: asked %v, %v", rule, asked, err)
		}
	}
}

// TestParsedBodyWhereValuesMayStand: a rule about the body cannot be evaded by
// another name of its kind.
func TestParsedBodyWhereValuesMayStand(t *testing.T) {
	one := []any{"1"}
	for kind, body := range map[string]string{"text/json": `{"k":["1"]}`, "application/vnd.x+json": `{"k":["1"]}`, "Application/JSON": `{"k":["1"]}`,
		"APPLICATION/x-www-form-urlencoded": "k=1", "Multipart/form-data; boundary=Bb": "--Bb\r\ncontent-disposition: form-data; name=k\r\n\r\n1\r\n--Bb--"} {
		for route, want := range map[string]any{"r+body": one, "r": nil} {
			x := seen(t, input(func(in *access.Input) {
				in.Request.Headers = []access.Header{{Name: "content-type", Value: kind}}
				in.Request.Route, in.Request.Body = route, []byte(body)
			}))
			if got := at(x, "parsed_body", "k"); !reflect.DeepEqual(got, want) {
				t.Errorf("%s on %s: %v", kind, route, got)
			}
		}
	}
}

func TestParsedBody(t *testing.T) {
	form := "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n" +
		"--B\r\nContent-Disposition: form-data; name=\"j\"\r\nContent-Type: application/json\r\n\r\n{\"x\":2}\r\n--B--\r\n"
	tests := []struct {
		name, kind, length, body string
		truncated                bool
		want                     any
		wantCut, wantErr         bool
	}{
		{"json", "application/json; charset=utf-8", "", `{"a":[1]}`, false, map[string]any{"a": []any{json.Number("1")}}, false, false},
		{"json of several lines", "application/json", "", "{}\n{}", false, nil, false, true},
		{"no json", "application/json", "", `{"a`, false, nil, false, true},
		{"cut by length", "application/json", "99", `{"a`, false, nil, true, false},
		{"cut by the transport", "application/json", "", `{"a`, true, nil, true, false},
		{"no length", "application/json", "x", `{}`, false, nil, false, true},
		{"form", "application/x-www-form-urlencoded", "", "a=1&a=2", false, map[string]any{"a": []any{"1", "2"}}, false, false},
		{"multipart", "multipart/form-data; boundary=B", "", form, false,
			map[string]any{"a": []any{"1"}, "j": []any{map[string]any{"x": json.Number("2")}}}, false, false},
		{"broken multipart", "multipart/form-data; boundary=B", "", "--B\r\nx", false, nil, false, true},
		{"text", "text/plain", "", "x", false, nil, false, false},
		{"nothing", "application/json", "", "", false, nil, false, false},
	}
	p := policy(t, Options{Decision: "a/b", Modules: map[string]string{"m.rego": "package a\nb if input.parsed_body == input.truncated_body"}})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := input(func(in *access.Input) {
				in.Request.Headers = []access.Header{{Name: "content-type", Value: tt.kind}}
				if tt.length != "" {
					in.Request.Headers = append(in.Request.Headers, access.Header{Name: "content-length", Value: tt.length})
				}
				in.Request.Body, in.Request.BodyTruncated = []byte(tt.body), tt.truncated
			})
			v, err := p.input(in)
			if (err != nil) != tt.wantErr {
				t.Fatal(err)
			}
			if err != nil {
				if strings.Contains(err.Error(), tt.body) {
					t.Errorf("the error %q quotes the body", err)
				}
				return
			}
			x, _ := ast.JSON(v)
			if got := at(x, "parsed_body"); !reflect.DeepEqual(got, tt.want) || at(x, "truncated_body") != tt.wantCut {
				t.Errorf("got %#v, truncated %v", got, at(x, "truncated_body"))
			}
		})
	}
}

func TestPolicyDirectory(t *testing.T) {
	write := func(files map[string]string) string {
		dir := t.TempDir()
		for name, text := range files {
			path := filepath.Join(dir, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	dir := write(map[string]string{
		"a.rego":          "package envoy.authz\n\nimport data.users\n\ndefault allow := false\n\nallow if input.principal.subject in users.known\n",
		"a_test.rego":     "package envoy.authz_test\n\ntest_x if false\n",
		"users/data.json": `{"known": ["agent-7"]}`,
		".hidden.rego":    "this is no policy",
	})
	p := policy(t, Options{Dir: dir, Decision: "envoy/authz/allow"})
	if v, err := p.Evaluate(t.Context(), input()); err != nil || v.Outcome != access.Allow {
		t.Errorf("got %+v, %v", v, err)
	}
	for name, files := range map[string]map[string]string{
		"no policy":         {"data.json": "{}"},
		"data of ours":      {"a.rego": "package a\nb := 1", "cloakroom/data.json": `{"x": 1}`},
		"broken":            {"a.rego": "package a\nb := "},
		"a package of ours": {"a.rego": "package cloakroom\nany_open := true"},
	} {
		if _, err := New(t.Context(), Options{Dir: write(files)}); err == nil || !strings.Contains(err.Error(), "reading policy") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := New(t.Context(), Options{Dir: filepath.Join(dir, "nowhere")}); err == nil {
		t.Error("a directory that is not there is taken")
	}
}
