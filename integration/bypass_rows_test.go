package integration

import (
	"slices"
	"strings"
)

// lines ends each line, and the head.
func lines(all ...string) string { return strings.Join(all, "\r\n") + "\r\n\r\n" }

// asks is a GET of a.test by an agent; {id} ends its own lines.
func asks(path string, headers ...string) string {
	return "GET " + path + " HTTP/1.1\r\nhost: a.test\r\n{id}" + lines(append([]string{"accept: */*"}, headers...)...)
}

// hosted is asks for another host.
func hosted(host, path string, headers ...string) string {
	return strings.Replace(asks(path, headers...), "host: a.test", "host: "+host, 1)
}

const (
	withPublic = "authorization: Bearer {public}"
	gotPublic  = "authorization: Bearer {PUBLIC}\r\n"
)

// paths makes rows of targets that one reading takes out of what is allowed.
func paths(code string, nameThenPath ...string) (rows []bypass) {
	for row := range slices.Chunk(nameThenPath, 2) {
		rows = append(rows, bypass{name: row[0], raw: asks(row[1], withPublic), status: 403, code: code})
	}
	return rows
}

var pathRows = append(paths("not_granted",
	"another path", "/v1/private/x",
	"dot segments", "/v1/public/../private/x",
	"dot segments, encoded dots", "/v1/public/%2e%2e/private/x",
	"dot segments, one dot encoded", "/v1/public/.%2E/private/x",
	"dot segments, encoded slash", "/v1/public/..%2fprivate/x",
	"dot segments, all encoded", "/v1/public/%2e%2e%2fprivate",
	"dot segments, encoded twice", "/v1/public/%252e%252e%252fprivate",
	"dot segments, encoded three times", "/v1/public/%25252e%25252e%25252fprivate",
	"dot segments, encoded four times", "/v1/public/%2525252e%2525252e%2525252fprivate",
	"dot segments, encoded in turns", "/v1/public/%25%32%65%2e/private",
	"dot segments with a backslash", "/v1/public/..\\private",
	"dot segments with an encoded backslash", "/v1/public/..%5cprivate",
	"dot segments with a parameter", "/v1/public/..;/private",
	"dot segments with a named parameter", "/v1/public/..;x=y/private",
	"dot segments with an encoded parameter", "/v1/public/%2e%2e%3b/private",
	"dot segments out and in", "/v1/private/..;/public/x",
	"dot segments at the end", "/v1/public/..",
	"dot segments at the end, encoded", "/v1/public/%2e%2e",
	"dot segments behind a dot", "/v1/public/./../private",
	"dot segments above the root", "/../v1/public/x",
	"dot segments above the root, back in", "/v1/public/../../../v1/public/x",
	"dot segments and a space", "/v1/public/..%20/private",
	"dot segments and a plus", "/v1/public/..+/private",
	"dot segments and a tab", "/v1/public/..%09/private",
	"dot segments cut by an encoded hash", "/v1/public/..%23/private",
	"dot segments cut by an encoded question mark", "/v1/public/..%3f/private",
	"a path cut by a parameter", "/v1;/public/x",
	"a path in a parameter", "/v1/private;/v1/public/x",
	"two slashes at the start", "//v1/public/x",
	"an authority at the start", "//evil.test/v1/public/x",
	"a backslash authority at the start", "/\\evil.test/v1/public/x",
	"two slashes inside", "/v1//public/x",
	"the folder without its slash", "/v1/public",
	"the folder with a query", "/v1/public?/x",
	"the folder as a prefix of a name", "/v1/publicx/y",
	"the folder in another case", "/v1/Public/x",
	"the version in another case", "/V1/public/x",
	"the folder with a final dot", "/v1/public./x",
	"the folder with a final encoded space", "/v1/public%20/x",
	"the folder with an encoded letter", "/v1/%70ublic/x",
	"the folder with an encoded slash", "/v1/public%2fx",
	"the slash encoded twice", "/v1/public%252fx",
	"an encoded NUL", "/v1/public/x%00.html",
	"an encoded NUL before dots", "/v1/public/%00/../x",
	"an encoded line break", "/v1/public/x%0d%0ax-evil:%201",
	"an overlong dot", "/v1/public/%c0%ae%c0%ae/private",
	"an overlong slash", "/v1/public/..%c0%afprivate",
	"an overlong dot of three bytes", "/v1/public/%e0%80%ae%e0%80%ae/private",
	"an overlong slash of four bytes", "/v1/public/..%f0%80%80%afprivate",
	"a fullwidth dot", "/v1/public/%ef%bc%8e%ef%bc%8e/private",
	"a fullwidth slash", "/v1/public/..%ef%bc%8fprivate",
	"a one dot leader", "/v1/public/%e2%80%a4%e2%80%a4/private",
	"a two dot leader", "/v1/public/%e2%80%a5/private",
	"an escape of Microsoft's", "/v1/public/%u002e%u002e/private",
	"an escape without digits", "/v1/public/%zz",
	"an escape that is cut", "/v1/public/%2",
	"a lone percent", "/v1/public/%",
	"a path longer than anybody needs", "/v1/public/{long}",
	"an encoded question mark", "/v1/private%3f/../public/x",
	"the agent endpoint as a prefix of a name", "/.well-known/cloakroomx",
	"the agent endpoint in another case", "/.WELL-KNOWN/cloakroom",
	"the agent endpoint behind two slashes", "//.well-known/cloakroom",
	"the agent endpoint with a parameter", "/.well-known/cloakroom;x",
	"the agent endpoint with an encoded slash", "/.well-known/cloakroom%2fleases",
	"the agent endpoint behind dot segments", "/v1/public/../../.well-known/cloakroom",
),
	bypass{name: "two slashes below the folder", raw: asks("/v1/public//x", withPublic), ending: sent, upstream: []string{gotPublic, "GET /v1/public//x HTTP/1.1"}},
	bypass{name: "a final dot below the folder", raw: asks("/v1/public/x.", withPublic), ending: sent, upstream: []string{gotPublic, "GET /v1/public/x. HTTP/1.1"}},
	bypass{name: "dot segments within the folder", raw: asks("/v1/public/a/../x", withPublic), ending: sent, upstream: []string{gotPublic, "GET /v1/public/a/../x HTTP/1.1"}},
	bypass{name: "an encoded letter below the folder", raw: asks("/v1/public/%78", withPublic), ending: sent, upstream: []string{gotPublic, "GET /v1/public/%78 HTTP/1.1"}},
	bypass{name: "dot segments where every method goes", raw: asks("/any/../v1/private", "authorization: Bearer {every}"), status: 403, code: "not_granted"},
	bypass{name: "a name that begins like a folder", raw: asks("/anyone/x", "authorization: Bearer {every}"), status: 403, code: "not_granted"},
)

// agentRows go to the agent endpoint: whatever they are, no upstream hears.
var agentRows = []bypass{
	{name: "the agent endpoint with dot segments", raw: asks("/.well-known/cloakroom/../../v1/public/x", withPublic), status: 404},
	{name: "the agent endpoint with encoded dot segments", raw: asks("/.well-known/cloakroom/%2e%2e/%2e%2e/v1/public/x", withPublic), status: 404},
	{name: "the agent endpoint with a slash", raw: asks("/.well-known/cloakroom/", withPublic), status: 404},
	{name: "the agent endpoint without identity", raw: lines("GET /.well-known/cloakroom HTTP/1.1", "host: a.test", withPublic), status: 401, code: "unauthenticated"},
	{name: "the agent endpoint by ticket", raw: lines("GET /.well-known/cloakroom HTTP/1.1", "host: a.test", "authorization: Bearer {ticket}"), status: 401, code: "unauthenticated"},
	{name: "a ticket by ticket", raw: "POST /.well-known/cloakroom/leases HTTP/1.1\r\nhost: a.test\r\nauthorization: Bearer {ticket}\r\ncontent-length: 23\r\n\r\n{\"credential\":\"public\"}", status: 401, code: "unauthenticated"},
	{name: "a ticket of another group's", raw: "POST /.well-known/cloakroom/leases HTTP/1.1\r\nhost: a.test\r\n{id}content-length: 22\r\n\r\n{\"credential\":\"money\"}", status: 403},
}

// targetRows play with the request line.
var targetRows = []bypass{
	{name: "absolute form", raw: asks("http://a.test/v1/public/x", withPublic)},
	{name: "absolute form of another host", raw: asks("http://b.test/v1/public/x", withPublic)},
	{name: "absolute form over https", raw: asks("https://a.test/v1/public/x", withPublic)},
	{name: "absolute form of no scheme that is known", raw: asks("gopher://a.test/v1/public/x", withPublic)},
	{name: "absolute form in capitals", raw: asks("HTTP://A.TEST/v1/public/x", withPublic)},
	{name: "absolute form with userinfo", raw: asks("http://a.test@evil.test/v1/public/x", withPublic)},
	{name: "authority form", raw: asks("a.test/v1/public/x", withPublic)},
	{name: "a target without slash", raw: asks("v1/public/x", withPublic)},
	{name: "a target that is a query", raw: asks("?/v1/public/x", withPublic)},
	{name: "a target with a fragment", raw: asks("/v1/public/x#/../private", withPublic)},
	{name: "a target with a fragment that holds a placeholder", raw: asks("/v1/public/x#{public}")},
	{name: "a target with a space", raw: asks("/v1/public/x /v1/private", withPublic)},
	{name: "a target with a tab", raw: asks("/v1/public/x\t/v1/private", withPublic)},
	{name: "a target with a byte of Latin 1", raw: asks("/v1/public/\xff", withPublic)},
	{name: "a target with a NUL", raw: asks("/v1/public/\x00", withPublic)},
	{name: "a target with a lone CR", raw: asks("/v1/public/x\r/private", withPublic)},
	{name: "asterisk form", raw: strings.Replace(asks("*", withPublic), "GET", "OPTIONS", 1)},
	{name: "asterisk form of GET", raw: asks("*", withPublic)},
	{name: "CONNECT", raw: strings.Replace(asks("a.test:443", withPublic), "GET", "CONNECT", 1)},
	{name: "CONNECT with a path", raw: strings.Replace(asks("/any/x", "authorization: Bearer {every}"), "GET", "CONNECT", 1)},
	{name: "a method in lower case", raw: strings.Replace(asks("/v1/public/x", withPublic), "GET", "get", 1)},
	{name: "a method in mixed case", raw: strings.Replace(asks("/v1/public/x", withPublic), "GET", "GeT", 1)},
	{name: "a method that nobody knows", raw: strings.Replace(asks("/any/x", "authorization: Bearer {every}"), "GET", "FOO", 1)},
	{name: "a method behind a space", raw: " " + asks("/v1/public/x", withPublic)},
	{name: "POST", raw: strings.Replace(asks("/v1/public/x", withPublic, "content-length: 0"), "GET", "POST", 1), status: 403, code: "not_granted"},
	{name: "HEAD where only GET may go", raw: strings.Replace(asks("/v1/public/x", withPublic), "GET", "HEAD", 1), status: 403},
	{name: "TRACE", raw: strings.Replace(asks("/v1/public/x", withPublic), "GET", "TRACE", 1), status: 403, code: "not_granted"},
	{name: "TRACE where every method goes", raw: strings.Replace(asks("/any/x", "authorization: Bearer {every}"), "GET", "TRACE", 1), ending: sent, upstream: []string{"authorization: Bearer {EVERY}\r\n"}},
	{name: "PROPFIND", raw: strings.Replace(asks("/v1/public/x", withPublic), "GET", "PROPFIND", 1), status: 403, code: "not_granted"},
	{name: "HTTP/1.0", raw: strings.Replace(asks("/v1/public/x", withPublic), "HTTP/1.1", "HTTP/1.0", 1)},
	{name: "HTTP/0.9", raw: "GET /v1/public/x\r\n\r\n"},
	{name: "HTTP/1.2", raw: strings.Replace(asks("/v1/public/x", withPublic), "HTTP/1.1", "HTTP/1.2", 1)},
	{name: "HTTP/2.0 in words", raw: strings.Replace(asks("/v1/public/x", withPublic), "HTTP/1.1", "HTTP/2.0", 1)},
	{name: "a version in lower case", raw: strings.Replace(asks("/v1/public/x", withPublic), "HTTP/1.1", "http/1.1", 1)},
	{name: "_method in the query is the backend's own", raw: asks("/v1/public/x?_method=DELETE", withPublic), ending: sent, upstream: []string{gotPublic, "?_method=DELETE "}},
}

// hostRows play with who is meant.
var hostRows = []bypass{
	{name: "a host in capitals", raw: hosted("A.TEST", "/v1/public/x", withPublic), ending: sent, upstream: []string{gotPublic, "host: a.test\r\n"}},
	{name: "a host with a port", raw: hosted("a.test:8080", "/v1/public/x", withPublic), ending: sent, upstream: []string{gotPublic, "host: a.test\r\n"}},
	{name: "a host with a final dot", raw: hosted("a.test.", "/v1/public/x", withPublic), status: 403, code: "denied"},
	{name: "a host with userinfo", raw: hosted("x@a.test", "/v1/public/x", withPublic)},
	{name: "a host as userinfo", raw: hosted("a.test@evil.test", "/v1/public/x", withPublic)},
	{name: "a host with a comma", raw: hosted("a.test,evil.test", "/v1/public/x", withPublic)},
	{name: "a host with a comma and a space", raw: hosted("a.test, evil.test", "/v1/public/x", withPublic)},
	{name: "a host with a tab", raw: hosted("a.test\tevil.test", "/v1/public/x", withPublic)},
	{name: "a host with a slash", raw: hosted("a.test/v1", "/v1/public/x", withPublic)},
	{name: "a host with a scheme", raw: hosted("http://a.test", "/v1/public/x", withPublic)},
	{name: "a host with a NUL", raw: hosted("a.test\x00.evil.test", "/v1/public/x", withPublic)},
	{name: "a host with a hash", raw: hosted("a.test#.evil.test", "/v1/public/x", withPublic)},
	{name: "an empty host", raw: hosted("", "/v1/public/x", withPublic)},
	{name: "no host", raw: strings.Replace(asks("/v1/public/x", withPublic), "host: a.test\r\n", "", 1)},
	{name: "another host", raw: hosted("evil.test", "/v1/public/x", withPublic), status: 403, code: "denied"},
	{name: "an address as host", raw: hosted("127.0.0.1", "/v1/public/x", withPublic), status: 403, code: "denied"},
	{name: "the suffix of a host", raw: hosted("x.a.test", "/v1/public/x", withPublic), status: 403, code: "denied"},
	{name: "two hosts", raw: asks("/v1/public/x", withPublic, "host: evil.test")},
	{name: "two hosts, the good one last", raw: hosted("evil.test", "/v1/public/x", withPublic, "host: a.test")},
	{name: "two hosts that agree", raw: asks("/v1/public/x", withPublic, "host: a.test")},
	{name: "a folded host", raw: hosted("a.test\r\n .evil.test", "/v1/public/x", withPublic)},
	{name: "a host behind a prefix, as host", raw: hosted("b.test", "/v1/x", "authorization: Bearer {prefixed}"), status: 403, code: "denied"},
	{name: "a prefix under its own host", raw: hosted("b.test", "/api/v1/x", "authorization: Bearer {prefixed}"), ending: sent, upstream: []string{"authorization: Bearer {PREFIXED}\r\n", "GET /v1/x HTTP/1.1\r\nhost: b.test\r\n"}},
	{name: "a prefix under nobody's host", raw: hosted("evil.test", "/api/v1/x", "authorization: Bearer {prefixed}"), ending: sent, upstream: []string{"authorization: Bearer {PREFIXED}\r\n", "host: b.test\r\n"}, without: []string{"evil.test"}},
	{name: "a prefix under another upstream's host", raw: asks("/api/v1/x", "authorization: Bearer {prefixed}"), status: 403, code: "not_granted"},
	{name: "another upstream's credential behind the prefix", raw: hosted("evil.test", "/api/v1/public/x", withPublic), status: 403, code: "not_granted"},
	{name: "a prefix left by dot segments", raw: hosted("evil.test", "/api/../v1/x", "authorization: Bearer {prefixed}"), status: 403},
	{name: "a prefix left by encoded dot segments", raw: hosted("evil.test", "/api/v1/%2e%2e/%2e%2e/x", "authorization: Bearer {prefixed}"), status: 403},
	{name: "a prefix and two slashes", raw: hosted("evil.test", "/api//v1/x", "authorization: Bearer {prefixed}"), status: 403},
	{name: "a prefix without its slash", raw: hosted("evil.test", "/apiv1/x", "authorization: Bearer {prefixed}"), status: 403},
	{name: "a prefix with an encoded slash", raw: hosted("evil.test", "/api%2fv1/x", "authorization: Bearer {prefixed}"), status: 403},
	{name: "a prefix in capitals", raw: hosted("evil.test", "/API/v1/x", "authorization: Bearer {prefixed}"), status: 403},
	{name: "a prefix with a parameter", raw: hosted("evil.test", "/api;x/v1/x", "authorization: Bearer {prefixed}"), status: 403},
}

// overriding are headers that some backends or proxies obey; they do not pass
// with a credential.
var overriding = []string{"x-http-method-override: DELETE", "X-HTTP-Method-Override: GET", "x-http-method: DELETE", "x-method-override: DELETE",
	"x-original-url: /v1/private", "x-original-uri: /v1/private", "x-original-method: DELETE", "x-rewrite-url: /v1/private", "x-override-url: /v1/private",
	"x-forwarded-uri: /v1/private", "x-forwarded-method: DELETE", "x-forwarded-path: /v1/private",
	"x.http.method.override: DELETE", "x.original.url: /v1/private", "x-host: evil.test", "x-original-path: /v1/private",
	"x-original-host: evil.test", "x-http-host-override: evil.test", "x-script-name: /v1/private", "x-replaced-path: /v1/private",
}

// obeyed are headers that Envoy would obey from a caller that it trusts, or that
// proxies in front of it write: with a credential they neither pass nor do
// anything.
var obeyed = []string{"x-envoy-original-path: /v1/private", "x-envoy-upstream-alt-stat-name: x", "x-envoy-original-dst-host: 127.0.0.1:1",
	"x-envoy-retry-on: 5xx", "x-envoy-max-retries: 9", "x-envoy-upstream-rq-timeout-ms: 1", "x-envoy-expected-rq-timeout-ms: 1", "x-envoy-force-trace: true",
	"x-envoy-decorator-operation: x", "x-envoy-ip-tags: x", "x-envoy-attempt-count: 7", "x-envoy-internal: true", "x-envoy-external-address: 10.0.0.1",
	"x-envoy-auth-partial-body: true", "x-envoy-hedge-on-per-try-timeout: true", "x-envoy-original-method: DELETE", "x-forwarded-proto: https",
	"forwarded: host=evil.test", "x-forwarded-host: evil.test", "x-forwarded-server: evil.test", "x-forwarded-prefix: /v1/private", "x.forwarded.host: evil.test",
	"x-envoy-original-host: evil.test", "x-envoy-downstream-service-cluster: x", "x-envoy-immediate-health-check-fail: x"}

var overrideRows = func() (rows []bypass) {
	for _, h := range overriding {
		rows = append(rows,
			bypass{name: "with a credential, " + h, raw: asks("/v1/public/x", h, withPublic), status: 403, code: "denied"})
	}
	for _, h := range obeyed {
		name, _, _ := strings.Cut(h, ":")
		rows = append(rows, bypass{name: "dropped, " + h, raw: asks("/v1/public/x", h, withPublic), ending: sent, upstream: []string{gotPublic}, without: []string{"\n" + name}})
	}
	return append(rows,
		bypass{name: "an underscore for a dash", raw: asks("/v1/public/x", withPublic, "x_original_url: /v1/private")},
		bypass{name: "an underscore in a credential header", raw: asks("/v1/public/x", "x_api_key: {public}")},
		bypass{name: "a space before the colon", raw: asks("/v1/public/x", withPublic, "x-original-url : /v1/private")},
		bypass{name: "overriding without a credential", raw: asks("/v1/public/x", "x-original-url: /v1/private"), ending: inert, upstream: []string{"x-original-url: /v1/private"}},
		bypass{name: "a header that looks like a grant", raw: asks("/v1/private", withPublic, "grant: {public}", "x-cloakroom-grant: {public}"), status: 403, code: "not_granted"},
		bypass{name: "headers that look like metadata", raw: asks("/v1/private", withPublic, "envoy.filters.http.ext_authz: {}", "x-envoy-dynamic-metadata: {}"), status: 400},
		bypass{name: "headers that look like the route", raw: asks("/v1/x", "cloakroom.route: b.test", "cloakroom.cluster: b.test", "authorization: Bearer {prefixed}"), status: 403, code: "not_granted"},
	)
}()
