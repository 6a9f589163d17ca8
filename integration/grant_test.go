package integration

import (
	"cmp"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// lending is a rig whose Envoy lets a test take the grants of exchanges and
// give them to others: an access log writes them down, and a filter behind
// ext_authz puts the header x-grant in their place.
type lending struct {
	*rig
	b                   *seen
	log, key            string
	token, placeholder  string
	sent                int
	connection, another *http.Client // each one connection: the source is part of a grant
}

func newLending(t *testing.T) *lending {
	t.Helper()
	l := &lending{key: value(), b: backend(t, echo)}
	l.rig = newRig(t, demo(l.key, l.b.address()), nil)
	l.log = l.path("grants.log")
	l.envoy(func(b node) {
		before(b, procFilter, grantFromHeader("x-grant"))
		manager(b)["access_log"] = []any{node{"name": "envoy.access_loggers.file", "typed_config": node{
			"@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog", "path": l.log,
			"log_format": node{"text_format_source": node{"inline_string": "%DYNAMIC_METADATA(envoy.filters.http.ext_authz:grant)%\n"}}}}}
		unopened(b)
	})
	l.placeholder, l.token = l.rig.placeholder("demo"), l.rig.token(agentClient)
	for _, c := range []**http.Client{&l.connection, &l.another} {
		*c = &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableCompression: true, MaxConnsPerHost: 1}}
	}
	return l
}

// ask sends a request, with a grant if there is one, and returns what came and
// the grant that Envoy held in the end.
func (l *lending) ask(c *http.Client, method, path string, headers ...string) (got outcome, grant string) {
	l.t.Helper()
	q, err := http.NewRequest(method, l.gateway+path, nil)
	if err != nil {
		l.t.Fatal(err)
	}
	l.client = c
	got.Response, got.body = l.do(q, append(headers, "x-cloakroom-token", l.token, "authorization", "Bearer "+l.placeholder)...)
	if got.shows(l.key) {
		l.t.Error("the value came back")
	}
	l.sent++
	l.eventually("Envoy logs the grant", func() bool {
		text, _ := os.ReadFile(l.log)
		lines := strings.Split(string(text), "\n")
		if len(lines) <= l.sent {
			return false
		}
		grant = strings.Trim(lines[l.sent-1], `"`)
		return true
	})
	return got, grant
}

// fresh is a grant for GET /api/v1/x that nobody has opened. The backend hears
// of the request, with its placeholder.
func (l *lending) fresh() string {
	l.t.Helper()
	_, grant := l.ask(l.connection, "GET", "/api/v1/x", "x-unopened", "1")
	if len(grant) < 100 {
		l.t.Fatalf("Envoy logged %q, which is no grant", grant)
	}
	return grant
}

// TestGrantIsForOneExchange: a grant that nobody has opened yet works for the
// very request that it was made for, so the filter does what the test needs;
// once opened, or for any other request, it is refused.
func TestGrantIsForOneExchange(t *testing.T) {
	t.Parallel()
	l := newLending(t)
	own := l.fresh()
	if got, _ := l.ask(l.connection, "GET", "/api/v1/x", "x-grant", own); got.status() != http.StatusOK || !strings.Contains(got.body, l.placeholder) {
		t.Fatalf("a grant for this very request: %d %s, want 200", got.status(), got.body)
	}
	for _, c := range []struct {
		name, method, path, grant string
		headers                   []string
		connection                *http.Client
	}{
		{name: "opened before", grant: own},
		{name: "another path", path: "/api/v1/y"},
		{name: "another query", path: "/api/v1/x?a=b"},
		{name: "another method", method: "POST"},
		{name: "another authority", headers: []string{"host", "other.test"}},
		{name: "another connection", connection: l.another},
		{name: "no grant at all", grant: "x"},
		{name: "cut", grant: own[:len(own)-2]},
		{name: "of zeros", grant: strings.Repeat("A", len(own))},
	} {
		if c.grant == "" {
			c.grant = l.fresh()
		}
		if c.connection == nil {
			c.connection = l.connection
		}
		before := l.b.count()
		got, _ := l.ask(c.connection, cmp.Or(c.method, "GET"), cmp.Or(c.path, "/api/v1/x"), append(c.headers, "x-grant", c.grant)...)
		if got.status() != http.StatusForbidden || !strings.Contains(got.body, `"not_granted"`) || l.b.count() != before {
			t.Errorf("%s: %d %s, want 403 not_granted and nothing at the backend", c.name, got.status(), got.body)
		}
	}
}

// grantFromHeader is a stock filter that writes a client's header where the
// grant stands.
func grantFromHeader(header string) node {
	return node{"name": "envoy.filters.http.header_to_metadata", "typed_config": node{
		"@type": "type.googleapis.com/envoy.extensions.filters.http.header_to_metadata.v3.Config",
		"request_rules": []any{node{"header": header, "remove": true,
			"on_header_present": node{"metadata_namespace": authzFilter, "key": "grant", "type": "STRING"}}}}}
}

// unopened adds a way past ext_proc for requests with x-unopened: Check seals a
// grant that nobody opens.
func unopened(b node) {
	hosts := at(manager(b), "route_config", "virtual_hosts").([]any)
	for _, h := range hosts {
		var all []any
		for _, r := range h.(node)["routes"].([]any) {
			if r.(node)["name"] == "prefix:/api" {
				text, _ := json.Marshal(r)
				var twin node
				json.Unmarshal(text, &twin)
				twin["match"].(node)["headers"] = []any{node{"name": "x-unopened", "present_match": true}}
				twin["typed_per_filter_config"].(node)[procFilter] = node{
					"@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "disabled": true}
				all = append(all, twin)
			}
			all = append(all, r)
		}
		h.(node)["routes"] = all
	}
}
