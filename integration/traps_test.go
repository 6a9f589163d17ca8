package integration

import (
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
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
			for _, m := range modes(b) {
				m["response_body_mode"] = mode
				m["response_trailer_mode"] = "SKIP"
			}
		}
	}
	set := func(name, mode string) func(node) {
		return func(b node) {
			for _, m := range modes(b) {
				m[name] = mode
			}
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
		"no response headers":   {patch: set("response_header_mode", "SKIP"), status: 200, headless: true},
		"no request headers":    {patch: set("request_header_mode", "SKIP"), status: 200, inert: true},
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
		"request body STREAMED":    {patch: set("request_body_mode", "STREAMED"), status: 200},
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
			case n > 0 && b.last().Header.Get("x-cloakroom-token") != "":
				t.Error("the identity token went up")
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
