package integration

import (
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// demo is the world of most tests here: one credential, one backend that gives
// back all that it got, in header, body and trailer.
func demo(key, address string) setup {
	return setup{Values: map[string]string{"DEMO_KEY": key}, Config: oneCredential,
		Upstreams: []string{`{host: api.test, prefix: /api, address: "` + address + `"}`}}
}

func echo(w http.ResponseWriter, r *http.Request) {
	got := r.Header.Get("authorization")
	w.Header().Set("trailer", "x-tail")
	w.Header().Set("x-echo", got)
	io.WriteString(w, "you sent "+got+"\n")
	w.Header().Set("x-tail", got)
}

// TestBootstrapChangedByHand: where somebody changes what the bootstrap says,
// nothing passes, or only text that is worth nothing.
func TestBootstrapChangedByHand(t *testing.T) {
	t.Parallel()
	key := value()
	b := backend(t, echo)
	r := newRig(t, demo(key, b.address()), nil)
	placeholder, token := r.placeholder("demo"), r.token(agentClient)
	body := func(mode string) func(node) {
		return func(b node) {
			m := filter(b, procFilter)["processing_mode"].(node)
			m["response_body_mode"] = mode
			m["response_trailer_mode"] = "SKIP"
		}
	}
	for name, c := range map[string]struct {
		patch    func(node)
		status   int
		inert    bool // the request goes up with its placeholder; with status 0, if it does
		headless bool // only the body is looked at, and must be missing
	}{
		"as printed":               {patch: asPrinted, status: 200},
		"response body NONE":       {patch: body("NONE"), status: 503},
		"response body STREAMED":   {patch: body("STREAMED"), status: 503},
		"response body BUFFERED":   {patch: body("BUFFERED"), status: 503},
		"response body BUFFERED_P": {patch: body("BUFFERED_PARTIAL"), status: 503},
		"body NONE by the route": {patch: func(b node) {
			route(b, "prefix:/api")["typed_per_filter_config"].(node)[procFilter] = perRoute(node{"processing_mode": node{
				"request_header_mode": "SEND", "response_header_mode": "SEND", "response_body_mode": "NONE"}})
		}, status: 503},
		// Envoy tells the service the modes of bodies, not of heads: this head is
		// past saving, but not a byte of the body passes.
		"no response headers":   {patch: func(b node) { filter(b, procFilter)["processing_mode"].(node)["response_header_mode"] = "SKIP" }, status: 200, headless: true},
		"no request headers":    {patch: func(b node) { filter(b, procFilter)["processing_mode"].(node)["request_header_mode"] = "SKIP" }, status: 200, inert: true},
		"no ext_authz":          {patch: func(b node) { dropAuthz(b) }, status: 403},
		"ext_authz off here":    {patch: func(b node) { off(b, authzFilter) }, status: 403},
		"no ext_proc":           {patch: func(b node) { dropProc(b) }, status: 200, inert: true},
		"ext_proc off here":     {patch: func(b node) { off(b, procFilter) }, status: 200, inert: true},
		"no metadata forwarded": {patch: func(b node) { delete(filter(b, procFilter), "metadata_options") }, status: 403},
		"no attributes sent":    {patch: func(b node) { delete(filter(b, procFilter), "request_attributes") }, status: 403},
		"observability mode": {patch: func(b node) {
			f := filter(b, procFilter)
			f["observability_mode"] = true
			f["processing_mode"] = node{"request_header_mode": "SEND", "response_header_mode": "SEND", "response_body_mode": "STREAMED"}
			delete(f, "route_cache_action")
		}, inert: true},
		"path normalised by Envoy": {patch: func(b node) { manager(b)["normalize_path"] = true }, status: 200},
		"request body STREAMED":    {patch: func(b node) { filter(b, procFilter)["processing_mode"].(node)["request_body_mode"] = "STREAMED" }, status: 200},
	} {
		t.Run(name, func(t *testing.T) {
			before := b.count()
			p := r.envoy(c.patch)
			defer p.stop(t)
			got := r.try("/api/v1/x", "x-cloakroom-token", token, "authorization", "Bearer "+placeholder)
			if c.status != 0 && got.status() != c.status {
				t.Errorf("status %d, want %d: %v %s", got.status(), c.status, got.err, got.body)
			}
			if c.headless {
				if got.err == nil || got.body != "" {
					t.Errorf("a body passed without its head: %q", got.body)
				}
				return
			}
			if got.shows(key) {
				t.Error("the value came back")
			}
			switch n := b.count() - before; {
			case c.status > 200 && n != 0:
				t.Errorf("the backend heard of it %d times", n)
			case c.status == 200 && n != 1:
				t.Errorf("the backend heard of it %d times, want once", n)
			case c.inert && n > 0 && b.last().Header.Get("authorization") != "Bearer "+placeholder:
				t.Error("a value went up although it could not be masked")
			}
		})
	}
}

const (
	authzFilter = "envoy.filters.http.ext_authz"
	procFilter  = "envoy.filters.http.ext_proc"
)

func perRoute(overrides node) node {
	return node{"@type": "type.googleapis.com/envoy.extensions.filters.http.ext_proc.v3.ExtProcPerRoute", "overrides": overrides}
}

// off turns a filter off on the upstream's route.
func off(b node, name string) {
	route(b, "prefix:/api")["typed_per_filter_config"].(node)[name] = node{
		"@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "disabled": true}
}

// dropAuthz and dropProc take a filter out, and what routes say to it.
func dropAuthz(b node) { drop(b, authzFilter) }
func dropProc(b node)  { drop(b, procFilter) }

func drop(b node, name string) {
	without(b, name)
	delete(at(manager(b), "route_config").(node)["typed_per_filter_config"].(node), name)
	for _, r := range routes(b) {
		if m, ok := r["typed_per_filter_config"].(node); ok {
			delete(m, name)
		}
	}
}

// TestWhatBackendsDo: answers that lie, that are cut, coded or doubled, looked
// at byte by byte as the client gets them. Each holds the value.
func TestWhatBackendsDo(t *testing.T) {
	t.Parallel()
	key := value()
	var answer string // with KEY where the value stands
	address, heads := rawBackend(t, func(head string) string { return strings.ReplaceAll(answer, "KEY", key) })
	r := newRig(t, demo(key, address), asPrinted)
	placeholder, token := r.placeholder("demo"), r.token(agentClient)
	request := "GET /api/v1/x HTTP/1.1\r\nhost: api.test\r\nconnection: close\r\nx-cloakroom-token: " + token +
		"\r\nauthorization: Bearer " + placeholder + "\r\nrange: bytes=0-3\r\nif-range: x\r\naccept-encoding: gzip\r\ngrpc-accept-encoding: gzip\r\n\r\n"
	for _, c := range backendAnswers {
		t.Run(c.name, func(t *testing.T) {
			answer = c.answer
			got, hung := r.raw(request)
			if hung {
				t.Error("the client hangs")
			}
			if strings.Contains(got, key) || strings.Contains(got, hex.EncodeToString([]byte(key))) {
				t.Error("the value came back")
			}
			if !strings.HasPrefix(got, "HTTP/1.1 "+c.status) {
				t.Errorf("the client got %q, want status %s", got, c.status)
			}
			if c.has != "" && !strings.Contains(got, strings.ReplaceAll(c.has, "MASK", placeholder)) {
				t.Errorf("the client got %q, want %q in it", got, c.has)
			}
			if c.hasNot != "" && strings.Contains(got, c.hasNot) {
				t.Errorf("the client got %q, want no %q in it", got, c.hasNot)
			}
		})
	}
	all := heads()
	if len(all) != len(backendAnswers) {
		t.Errorf("the backend heard %d requests, want %d: one each, never a retry", len(all), len(backendAnswers))
	}
	for _, head := range all {
		head = strings.ToLower(head)
		if !strings.Contains(head, strings.ToLower("authorization: Bearer "+key)) || !strings.Contains(head, "accept-encoding: identity\r\n") {
			t.Error("the backend did not get the value, or was not asked for identity")
		}
		for _, gone := range []string{"\nrange:", "\nif-range:", "gzip", "x-cloakroom"} {
			if strings.Contains(head, gone) {
				t.Errorf("%q went up", gone)
			}
		}
	}
}

var backendAnswers = []struct{ name, answer, status, has, hasNot string }{
	{"plain", "HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nkey KEY.\n\n", "200", "key MASK.", ""},
	{"longer than it says", "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n0123456789KEYKEY", "200", "0123456789", ""},
	{"shorter than it says", "HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\nkey KEY and more", "", "", ""},
	{"length that is no number", "HTTP/1.1 200 OK\r\ncontent-length: KEY\r\n\r\nKEY", "502", "unavailable", ""},
	{"two lengths", "HTTP/1.1 200 OK\r\ncontent-length: 47\r\ncontent-length: 3\r\n\r\nKEY and then", "502", "unavailable", ""},
	{"length and chunks", "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n2b\r\nKEY\r\n0\r\n\r\n", "", "", ""},
	{"until close", "HTTP/1.1 200 OK\r\n\r\nkey KEY", "200", "key MASK", ""},
	{"HTTP/1.0", "HTTP/1.0 200 OK\r\nx-k: KEY\r\n\r\nkey KEY", "200", "key MASK", ""},
	{"chunks that cut it", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nkey\r\n2b\r\nKEY\r\n1\r\n.\r\n0\r\n\r\n", "200", "MASK", ""},
	{"chunk extension", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3;k=KEY\r\nkey\r\n0\r\n\r\n", "200", "", "k="},
	{"chunks that end early", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nff\r\nKEY", "", "", ""},
	{"trailer", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nkey\r\n0\r\nx-tail: KEY\r\n\r\n", "200", "x-tail: MASK", ""},
	{"reason phrase", "HTTP/1.1 200 KEY\r\ncontent-length: 0\r\n\r\n", "200", "", ""},
	{"header's name", "HTTP/1.1 200 OK\r\nKEY: 1\r\ncontent-length: 0\r\n\r\n", "200", "", ""},
	{"two lines of one header", "HTTP/1.1 200 OK\r\nset-cookie: a=KEY\r\nset-cookie: b=2\r\ncontent-length: 0\r\n\r\n", "200", "set-cookie: a=MASK\r\nset-cookie: b=2\r\n", ""},
	{"100 first", "HTTP/1.1 100 KEY\r\nx-k: KEY\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", "200", "ok", "100"},
	{"103 first", "HTTP/1.1 103 Early Hints\r\nlink: KEY\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", "200", "ok", "103"},
	{"101 that nobody asked for", "HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\nKEY", "403", "denied", "Switching"},
	{"206 that nobody asked for", "HTTP/1.1 206 Partial\r\ncontent-range: bytes 0-9/50\r\ncontent-length: 43\r\n\r\nKEY", "403", "denied", ""},
	{"206 in disguise", "HTTP/1.1 200 OK\r\ncontent-type: multipart/byteranges; boundary=x\r\naccept-ranges: bytes\r\ncontent-length: 43\r\n\r\nKEY", "200", "MASK", "accept-ranges"},
	{"gzip", "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 43\r\n\r\nKEY", "403", "compressed", ""},
	{"unknown coding", "HTTP/1.1 200 OK\r\ncontent-encoding: identity, x-own\r\ncontent-length: 43\r\n\r\nKEY", "403", "compressed", ""},
	{"coding on two lines", "HTTP/1.1 200 OK\r\ncontent-encoding: identity\r\ncontent-encoding: br\r\ncontent-length: 43\r\n\r\nKEY", "403", "compressed", ""},
	{"transfer coding gzip", "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n2b\r\nKEY\r\n0\r\n\r\n", "50", "unavailable", ""},
	{"identity", "HTTP/1.1 200 OK\r\ncontent-encoding: identity\r\ncontent-length: 43\r\n\r\nKEY", "200", "MASK", ""},
	{"digests", "HTTP/1.1 200 OK\r\ncontent-md5: x\r\ndigest: x\r\nrepr-digest: x\r\ncontent-digest: x\r\netag: \"x\"\r\ncontent-length: 0\r\n\r\n", "200", "", ": x\r\n"},
	{"a strong etag behind a weak one", "HTTP/1.1 200 OK\r\netag: W/\"w\"\r\netag: \"strong\"\r\ncontent-length: 0\r\n\r\n", "200", "", "strong"},
	{"no HTTP", "KEY KEY KEY\r\n\r\n", "502", "unavailable", ""},
	{"nothing", "", "503", "unavailable", ""},
	{"error", "HTTP/1.1 500 Oh\r\ncontent-length: 43\r\n\r\nKEY", "500", "MASK", ""},
	{"204 with a body", "HTTP/1.1 204 OK\r\ncontent-length: 43\r\n\r\nKEY", "", "", ""},
	{"an answer behind the answer", "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 43\r\n\r\nKEY", "200", "", ""},
}

// TestGrantIsForOneExchange takes grants out of Envoy with an access log, and
// gives them to other exchanges with a filter behind ext_authz. A grant that
// nobody has opened yet works for the very request it was made for: so the
// filter does what the test needs, and the others fail for their own reason.
func TestGrantIsForOneExchange(t *testing.T) {
	t.Parallel()
	key := value()
	b := backend(t, echo)
	r := newRig(t, demo(key, b.address()), nil)
	log := r.path("grants.log")
	r.envoy(func(b node) {
		before(b, procFilter, grantFromHeader("x-grant"))
		manager(b)["access_log"] = []any{node{"name": "envoy.access_loggers.file", "typed_config": node{
			"@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog", "path": log,
			"log_format": node{"text_format_source": node{"inline_string": "%DYNAMIC_METADATA(envoy.filters.http.ext_authz:grant)%\n"}}}}}
		unopened(b)
	})
	placeholder, token := r.placeholder("demo"), r.token(agentClient)
	grants := 0
	// one sends a request on a connection, with a grant if there is one, and
	// returns what came and the grant that Check made.
	one := func(c *http.Client, method, path string, headers ...string) (*http.Response, string, string) {
		t.Helper()
		q, err := http.NewRequest(method, r.gateway+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		saved := r.client
		r.client = c
		defer func() { r.client = saved }()
		answer, body := r.do(q, append(headers, "x-cloakroom-token", token, "authorization", "Bearer "+placeholder)...)
		if (outcome{Response: answer, body: body}).shows(key) {
			t.Error("the value came back")
		}
		grants++
		var lines []string
		r.eventually("Envoy logs the grant", func() bool {
			text, _ := os.ReadFile(log)
			lines = strings.Split(strings.TrimSpace(string(text)), "\n")
			return strings.Count(string(text), "\n") >= grants
		})
		return answer, body, strings.Trim(lines[len(lines)-1], `"`)
	}
	connection := func() *http.Client {
		return &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableCompression: true, MaxConnsPerHost: 1}}
	}
	c := connection()
	fresh := func(method string) string {
		t.Helper()
		_, _, grant := one(c, method, "/api/v1/x", "x-unopened", "1")
		if len(grant) < 100 {
			t.Fatalf("Envoy logged %q, which is no grant", grant)
		}
		return grant
	}
	refused := func(name string, answer *http.Response, body string) {
		t.Helper()
		if answer.StatusCode != http.StatusForbidden || !strings.Contains(body, `"not_granted"`) {
			t.Errorf("%s: %d %s, want 403 not_granted", name, answer.StatusCode, body)
		}
	}
	own := fresh("GET")
	if answer, body, _ := one(c, "GET", "/api/v1/x", "x-grant", own); answer.StatusCode != http.StatusOK || !strings.Contains(body, placeholder) {
		t.Fatalf("a grant for this very request: %d %s, want 200", answer.StatusCode, body)
	}
	before := b.count()
	answer, body, _ := one(c, "GET", "/api/v1/x", "x-grant", own)
	refused("opened before", answer, body)
	answer, body, _ = one(c, "GET", "/api/v1/y", "x-grant", fresh("GET"))
	refused("another path", answer, body)
	answer, body, _ = one(c, "GET", "/api/v1/x?a=b", "x-grant", fresh("GET"))
	refused("another query", answer, body)
	answer, body, _ = one(c, "POST", "/api/v1/x", "x-grant", fresh("GET"))
	refused("another method", answer, body)
	answer, body, _ = one(c, "GET", "/api/v1/x", "host", "other.test", "x-grant", fresh("GET"))
	refused("another authority", answer, body)
	answer, body, _ = one(connection(), "GET", "/api/v1/x", "x-grant", fresh("GET"))
	refused("another connection", answer, body)
	for name, text := range map[string]string{"no grant at all": "x", "cut": own[:len(own)-2], "of zeros": strings.Repeat("A", len(own))} {
		answer, body, _ = one(c, "GET", "/api/v1/x", "x-grant", text)
		refused(name, answer, body)
	}
	if n := b.count() - before - 5; n != 0 { // five were only there to make grants
		t.Errorf("the backend heard of %d refused requests", n)
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

// TestForeignMetadata: what another filter or a client writes is no decision.
func TestForeignMetadata(t *testing.T) {
	t.Parallel()
	key := value()
	b := backend(t, echo)
	r := newRig(t, demo(key, b.address()), nil)
	placeholder, token := r.placeholder("demo"), r.token(agentClient)
	set := func(fields node) node {
		return node{"name": "envoy.filters.http.set_metadata", "typed_config": node{
			"@type":    "type.googleapis.com/envoy.extensions.filters.http.set_metadata.v3.Config",
			"metadata": []any{node{"metadata_namespace": authzFilter, "allow_overwrite": true, "value": fields}}}}
	}
	for name, c := range map[string]struct {
		patch   func(node)
		headers []string
		status  int
	}{
		"written before ext_authz": {func(b node) { before(b, authzFilter, set(node{"grant": "forged"})) }, nil, 200},
		"written behind ext_authz": {func(b node) { before(b, procFilter, set(node{"grant": "forged"})) }, nil, 403},
		"of another kind":          {func(b node) { before(b, procFilter, set(node{"grant": node{"a": 1}})) }, nil, 403},
		"in ext_authz's place":     {func(b node) { dropAuthz(b); before(b, procFilter, set(node{"grant": "forged"})) }, nil, 403},
		"a client's header": {dropAuthz, []string{"grant", "x", "x-envoy-dynamic-metadata", "grant=x", "x-envoy-auth-headers", "grant",
			"envoy.filters.http.ext-authz", `{"grant":"x"}`, "x-envoy-peer-metadata", "x", "x-envoy-peer-metadata-id", "x"}, 403},
	} {
		t.Run(name, func(t *testing.T) {
			before := b.count()
			p := r.envoy(c.patch)
			defer p.stop(t)
			got := r.try("/api/v1/x", append(c.headers, "x-cloakroom-token", token, "authorization", "Bearer "+placeholder)...)
			if got.status() != c.status {
				t.Errorf("status %d, want %d: %v %s", got.status(), c.status, got.err, got.body)
			}
			if c.status == 403 && (!strings.Contains(got.body, `"not_granted"`) || b.count() != before) {
				t.Errorf("the backend heard of it, or the refusal is another: %s", got.body)
			}
			if got.shows(key) {
				t.Error("the value came back")
			}
		})
	}
}

// TestWhatClientsDo: requests whose form is a trap of its own. The backend gets
// the value only where status is 200.
func TestWhatClientsDo(t *testing.T) {
	t.Parallel()
	key := value()
	address, heads := rawBackend(t, func(string) string { return "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok" })
	r := newRig(t, demo(key, address), asPrinted)
	auth := "x-cloakroom-token: " + r.token(agentClient) + "\r\nauthorization: Bearer " + r.placeholder("demo") + "\r\nconnection: close\r\n"
	for _, c := range []struct{ name, request, status, hasNot string }{
		{"HTTP/1.0", "GET /api/v1/x HTTP/1.0\r\nhost: api.test\r\n" + auth + "\r\n", "426", ""},
		{"two hosts", "GET /api/v1/x HTTP/1.1\r\nhost: api.test\r\nhost: evil.test\r\n" + auth + "\r\n", "200", "evil.test"},
		{"no host", "GET /api/v1/x HTTP/1.1\r\n" + auth + "\r\n", "400", ""},
		{"two lengths", "POST /api/v1/x HTTP/1.1\r\nhost: api.test\r\ncontent-length: 1\r\ncontent-length: 2\r\n" + auth + "\r\nab", "400", ""},
		{"length and chunks", "POST /api/v1/x HTTP/1.1\r\nhost: api.test\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n" + auth + "\r\n0\r\n\r\n", "400", ""},
		{"a request behind the body", "GET /api/v1/x HTTP/1.1\r\nhost: api.test\r\n" + auth + "content-length: 0\r\n\r\nGET /api/v1/smuggled HTTP/1.1\r\nhost: api.test\r\n\r\n", "200", "smuggled"},
		{"100-continue", "POST /api/v1/x HTTP/1.1\r\nhost: api.test\r\nexpect: 100-continue\r\ncontent-length: 2\r\n" + auth + "\r\nab", "100", "expect"},
		{"an id of the client's own", "GET /api/v1/x HTTP/1.1\r\nhost: api.test\r\nx-request-id: 00000000-0000-4000-8000-000000000000\r\n" + auth + "\r\n", "200", ""},
		{"parts", "GET /api/v1/x HTTP/1.1\r\nhost: api.test\r\nrange: bytes=5-6\r\nif-range: \"x\"\r\n" + auth + "\r\n", "200", "range"},
		{"an upgrade", "GET /api/v1/x HTTP/1.1\r\nhost: api.test\r\nupgrade: websocket\r\n" + strings.Replace(auth, "close", "upgrade", 1) + "\r\n", "403", ""},
		{"CONNECT", "CONNECT api.test:443 HTTP/1.1\r\nhost: api.test:443\r\n" + auth + "\r\n", "404", ""},
		{"gRPC", "POST /api/v1/x HTTP/1.1\r\nhost: api.test\r\ncontent-type: application/grpc\r\ncontent-length: 0\r\n" + auth + "\r\n", "200 OK\r\ncontent-type: application/grpc\r\ngrpc-status: 7", ""},
		{"trailers", "POST /api/v1/x HTTP/1.1\r\nhost: api.test\r\ntransfer-encoding: chunked\r\n" + auth + "\r\n0\r\nx-late: 1\r\nauthorization: x\r\n\r\n", "200", "x-late"},
		{"Envoy's own headers", "GET /api/v1/x HTTP/1.1\r\nhost: api.test\r\nx-envoy-original-path: /admin\r\nx-envoy-upstream-alt-stat-name: x\r\nx-envoy-retry-on: 5xx\r\n" + auth + "\r\n", "200", "x-envoy"},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := len(heads())
			got, hung := r.raw(c.request)
			if hung || !strings.HasPrefix(got, "HTTP/1.1 "+c.status) || strings.Contains(got, key) {
				t.Errorf("the client got %q (hung: %v), want %s", got, hung, c.status)
			}
			heard := heads()[before:]
			if ok := c.status == "200" || c.status == "100"; ok != (len(heard) == 1) || len(heard) > 1 {
				t.Errorf("the backend heard of %d requests", len(heard))
			}
			for _, head := range heard {
				if !strings.Contains(head, "\r\nhost: api.test\r\n") || c.hasNot != "" && strings.Contains(head, c.hasNot) || strings.Count(head, key) != 1 {
					t.Error("the backend heard what it must not, or not the value once")
				}
			}
		})
	}
	if text, _, _ := command(t, r.dir, r.env, "session", "ls", "--json"); strings.Contains(text, "00000000-0000-4000") {
		t.Error("a client's own id names something of ours")
	}
}

// TestAccessLogShowsNothing writes down what the printed configuration lets an
// operator write: sizes, times, and the names that the service gave.
func TestAccessLogShowsNothing(t *testing.T) {
	t.Parallel()
	key := value()
	b := backend(t, echo)
	r := newRig(t, demo(key, b.address()), nil)
	log := r.path("access.log")
	r.envoy(func(b node) {
		manager(b)["access_log"] = []any{node{"name": "envoy.access_loggers.file", "typed_config": node{
			"@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog", "path": log,
			"log_format": node{"json_format": node{"metadata": "%DYNAMIC_METADATA(" + authzFilter + ")%", "filters": "%FILTER_STATE(" + procFilter + ")%",
				"status": "%RESPONSE_CODE%", "details": "%RESPONSE_CODE_DETAILS%", "flags": "%RESPONSE_FLAGS%",
				"up": "%UPSTREAM_TRANSPORT_FAILURE_REASON%", "closed": "%CONNECTION_TERMINATION_DETAILS%", "route": "%ROUTE_NAME%"}}}}}
	})
	token, placeholder := r.token(agentClient), r.placeholder("demo")
	paths := []string{"/api/v1/x", "/api/other?" + placeholder, "/nowhere"}
	for _, path := range paths {
		r.try(path, "x-cloakroom-token", token, "authorization", "Bearer "+placeholder)
	}
	r.service.kill()
	r.try("/api/v1/x", "x-cloakroom-token", token, "authorization", "Bearer "+placeholder)
	var text []byte
	r.eventually("Envoy logs all four", func() bool {
		text, _ = os.ReadFile(log)
		return strings.Count(string(text), "\n") == len(paths)+1
	})
	for _, secret := range []string{key, token} {
		if strings.Contains(string(text), secret) {
			t.Error("Envoy's log shows a value or a token")
		}
	}
	if !strings.Contains(string(text), "exchange") {
		t.Errorf("Envoy's log has no metadata of ours: %s", text)
	}
}
