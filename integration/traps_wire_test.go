package integration

import (
	"encoding/hex"
	"strings"
	"testing"
)

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
	{"101 to a WebSocket that nobody asked for", "HTTP/1.1 101 Switching\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n\x81\x2bKEY", "403", "denied", "Switching"},
	{"206 that nobody asked for", "HTTP/1.1 206 Partial\r\ncontent-range: bytes 0-9/50\r\ncontent-length: 43\r\n\r\nKEY", "403", "denied", ""},
	{"206 in disguise", "HTTP/1.1 200 OK\r\ncontent-type: multipart/byteranges; boundary=x\r\naccept-ranges: bytes\r\ncontent-length: 43\r\n\r\nKEY", "403", "denied", "accept-ranges"},
	{"gzip that is none", "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 43\r\n\r\nKEY", "", "", ""},
	{"unknown coding", "HTTP/1.1 200 OK\r\ncontent-encoding: identity, x-own\r\ncontent-length: 43\r\n\r\nKEY", "403", "denied", ""},
	{"coding on two lines", "HTTP/1.1 200 OK\r\ncontent-encoding: identity\r\ncontent-encoding: x-own\r\ncontent-length: 43\r\n\r\nKEY", "403", "denied", ""},
	{"coding on two lines that is none", "HTTP/1.1 200 OK\r\ncontent-encoding: identity\r\ncontent-encoding: br\r\ncontent-length: 43\r\n\r\nKEY", "", "", ""},
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
		{"an upgrade", "GET /api/v1/x HTTP/1.1\r\nhost: api.test\r\nupgrade: websocket\r\n" + strings.Replace(auth, "close", "upgrade", 1) + "\r\n", "200", ""},
		{"CONNECT", "CONNECT api.test:443 HTTP/1.1\r\nhost: api.test:443\r\n" + auth + "\r\n", "404", ""},
		{"gRPC", "POST /api/v1/x HTTP/1.1\r\nhost: api.test\r\ncontent-type: application/grpc\r\ncontent-length: 0\r\n" + auth + "\r\n", "200", ""},
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
