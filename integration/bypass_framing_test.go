package integration

import (
	"slices"
	"strings"
	"time"
)

// smuggled would be a request of its own to whoever cuts messages elsewhere.
const smuggled = "GET /v1/private HTTP/1.1\r\nhost: a.test\r\nauthorization: Bearer {public}\r\n\r\n"

func bodied(path, body string, headers ...string) string {
	return strings.Replace(asks(path, headers...), "GET", "POST", 1) + body
}

const (
	withEvery = "authorization: Bearer {every}"
	gotEvery  = "authorization: Bearer {EVERY}\r\n"
	quiet     = 200 * time.Millisecond
)

// framingRows play with where a message or a header ends.
var framingRows = []bypass{
	{name: "content-length and chunked", raw: bodied("/any/x", "0\r\n\r\n"+smuggled, withEvery, "content-length: 4", "transfer-encoding: chunked"), silence: quiet},
	{name: "chunked and content-length", raw: bodied("/any/x", "5\r\nabcde\r\n0\r\n\r\n", withEvery, "transfer-encoding: chunked", "content-length: 4"), silence: quiet},
	{name: "two lengths", raw: bodied("/any/x", "abcd"+smuggled, withEvery, "content-length: 4", "content-length: 0"), silence: quiet},
	{name: "two lengths in one line", raw: bodied("/any/x", "abcd", withEvery, "content-length: 4, 0"), silence: quiet},
	{name: "a length with a plus", raw: bodied("/any/x", "abcd", withEvery, "content-length: +4"), silence: quiet},
	{name: "a length below zero", raw: bodied("/any/x", "abcd", withEvery, "content-length: -4"), silence: quiet},
	{name: "a length in hex", raw: bodied("/any/x", "abcd", withEvery, "content-length: 0x4"), silence: quiet},
	{name: "a length that overflows", raw: bodied("/any/x", "abcd", withEvery, "content-length: 18446744073709551620"), silence: quiet},
	{name: "an empty length", raw: bodied("/any/x", "", withEvery, "content-length:"), silence: quiet},
	{name: "a coding that is not chunked", raw: bodied("/any/x", "0\r\n\r\n", withEvery, "transfer-encoding: xchunked"), silence: quiet},
	{name: "chunked, then identity", raw: bodied("/any/x", "0\r\n\r\n", withEvery, "transfer-encoding: chunked, identity"), silence: quiet},
	{name: "identity, then chunked", raw: bodied("/any/x", "0\r\n\r\n", withEvery, "transfer-encoding: identity", "transfer-encoding: chunked"), silence: quiet},
	{name: "chunked with a vertical tab", raw: bodied("/any/x", "0\r\n\r\n", withEvery, "transfer-encoding: \x0bchunked"), silence: quiet},
	{name: "chunked behind a space before the colon", raw: bodied("/any/x", "0\r\n\r\n", withEvery, "transfer-encoding : chunked", "content-length: 5"), silence: quiet},
	{name: "chunked by underscore", raw: bodied("/any/x", "0\r\n\r\n", withEvery, "transfer_encoding: chunked", "content-length: 5"), silence: quiet},
	{name: "a chunk size that is none", raw: bodied("/any/x", "zz\r\nabc\r\n0\r\n\r\n", "transfer-encoding: chunked"), silence: quiet, status: 0},
	{name: "a request in a body", raw: bodied("/any/x", smuggled, withEvery, "content-length: {length}"), silence: quiet, ending: sent, upstream: []string{gotEvery, smuggled}},
	{name: "a lone CR in a header", raw: asks("/v1/public/x", "x-note: a\rauthorization: Bearer {public}"), ending: inert, upstream: []string{"x-note: aauthorization: Bearer {public}\r\n"}},
	{name: "a lone CR in a name", raw: asks("/v1/public/x", "authoriz\ration: Bearer {public}")},
	{name: "a lone LF in a header", raw: asks("/v1/public/x", "x-note: a\nauthorization: Bearer {public}"), ending: sent, upstream: []string{"x-note: a\r\n", gotPublic}},
	{name: "a NUL in a header", raw: asks("/v1/public/x", "x-note: a\x00", withPublic)},
	{name: "a header without colon", raw: asks("/v1/public/x", "x-note", withPublic)},
	{name: "a header without name", raw: asks("/v1/public/x", ": x", withPublic)},
	{name: "a pseudo-header over HTTP/1.1", raw: asks("/v1/public/x", ":path: /v1/private", withPublic)},
	{name: "a folded credential", raw: asks("/v1/public/x", "authorization:\r\n Bearer {public}"), ending: sent, upstream: []string{gotPublic}},
	{name: "a folded credential in another header", raw: asks("/v1/public/x", "x-note: a\r\n authorization: Bearer {public}"), ending: inert, upstream: []string{"x-note: a authorization: Bearer {public}\r\n"}},
	{name: "a folded line before the first header", raw: strings.Replace(asks("/v1/public/x", withPublic), "HTTP/1.1\r\n", "HTTP/1.1\r\n x: y\r\n", 1)},
	{name: "the identity nominated by connection", raw: asks("/v1/public/x", withPublic, "connection: x-cloakroom-token"), status: 401, code: "unauthenticated"},
	{name: "the credential nominated by connection", raw: asks("/v1/public/x", withPublic, "connection: authorization"), ending: inert, without: []string{"{public}", "\nauthorization"}},
	{name: "an overriding header nominated by connection", raw: asks("/v1/public/x", withPublic, "x-original-url: /v1/private", "connection: close, x-original-url"), ending: sent, upstream: []string{gotPublic}, without: []string{"x-original-url"}},
	{name: "the host nominated by connection", raw: asks("/v1/public/x", withPublic, "connection: host")},
	{name: "a websocket", raw: asks("/v1/public/x", withPublic, "connection: upgrade", "upgrade: websocket", "sec-websocket-version: 13", "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==", "sec-websocket-extensions: permessage-deflate"), ending: sent, upstream: []string{gotPublic, "upgrade: websocket\r\n"}, without: []string{"permessage"}},
	{name: "a websocket among other upgrades", raw: asks("/v1/public/x", withPublic, "connection: upgrade", "upgrade: h2c, websocket"), status: 403},
	{name: "a websocket elsewhere", raw: asks("/v1/private", withPublic, "connection: upgrade", "upgrade: websocket"), status: 403, code: "not_granted"},
	{name: "an upgrade that nobody knows", raw: asks("/v1/public/x", withPublic, "connection: upgrade", "upgrade: x"), status: 403},
	{name: "an upgrade to HTTP/2", raw: asks("/v1/public/x", withPublic, "connection: upgrade, http2-settings", "upgrade: h2c", "http2-settings: AAMAAABkAAQAAP__"), ending: sent, upstream: []string{gotPublic}, without: []string{"upgrade", "h2c", "http2-settings"}},
	{name: "an upgrade without connection", raw: asks("/v1/public/x", withPublic, "upgrade: websocket"), ending: sent, upstream: []string{gotPublic}, without: []string{"upgrade"}},
	{name: "expect", raw: strings.Replace(asks("/any/x", withEvery, "expect: 100-continue", "content-length: 0"), "GET", "POST", 1), ending: sent, upstream: []string{gotEvery}, without: []string{"expect"}},
	{name: "a trailer with a placeholder", raw: bodied("/any/x", "1\r\na\r\n0\r\nauthorization: Bearer {every}\r\n\r\n", "transfer-encoding: chunked", "trailer: authorization"), ending: inert, without: []string{"{every}", "Bearer"}},
	{name: "a trailer that overrides", raw: bodied("/any/x", "1\r\na\r\n0\r\nx-original-url: /v1/private\r\nhost: evil.test\r\n\r\n", withEvery, "transfer-encoding: chunked"), ending: sent, upstream: []string{gotEvery}, without: []string{"x-original-url", "evil.test"}},
	{name: "a second request that may not go", raw: asks("/v1/public/x", withPublic) + asks("/v1/private", withPublic), silence: quiet, ending: sent, upstream: []string{gotPublic}, without: []string{"private"}},
	{name: "more headers than anybody needs", raw: asks("/v1/public/x", withPublic, strings.Repeat("x-note: a\r\n", 200)+"x-note: a")},
	{name: "a header longer than anybody needs", raw: asks("/v1/public/x", withPublic, "x-note: "+strings.Repeat("a", 100_000))},
}

// over2 is what asks is, over HTTP/2; later pairs replace those before them.
func over2(path string, change ...string) []string {
	fields := []string{":method", "GET", ":scheme", "http", ":authority", "a.test", ":path", path, "x-cloakroom-token", "{token}", "x-cloakroom-session", "bypass"}
	for pair := range slices.Chunk(change, 2) {
		at := slices.Index(fields, pair[0])
		if at%2 == 0 && pair[0][0] == ':' {
			fields[at+1] = pair[1]
			continue
		}
		fields = append(fields, pair...)
	}
	return fields
}

// public2 is a request that may go, but for what is added to it.
func public2(change ...string) []string {
	return over2("/v1/public/x", append([]string{"authorization", "Bearer {public}"}, change...)...)
}

// first2 puts pairs before all others.
func first2(fields []string, pairs ...string) []string { return append(pairs, fields...) }

// without2 leaves one field out.
func without2(name string, fields []string) (out []string) {
	for pair := range slices.Chunk(fields, 2) {
		if pair[0] != name {
			out = append(out, pair...)
		}
	}
	return out
}

// http2Rows play with what only HTTP/2 has.
var http2Rows = []bypass{
	{name: "over HTTP/2", fields: public2(), ending: sent, upstream: []string{gotPublic, "host: a.test\r\n"}},
	{name: "h2: dot segments", fields: public2(":path", "/v1/public/../private"), status: 403, code: "not_granted"},
	{name: "h2: two paths", fields: first2(public2(), ":path", "/v1/private")},
	{name: "h2: two paths, the good one first", fields: first2(public2(":path", "/v1/private"), ":path", "/v1/public/x")},
	{name: "h2: two authorities", fields: first2(public2(), ":authority", "b.test")},
	{name: "h2: two methods", fields: first2(public2(), ":method", "DELETE")},
	{name: "h2: no path", fields: without2(":path", public2())},
	{name: "h2: an empty path", fields: public2(":path", "")},
	{name: "h2: a path without slash", fields: public2(":path", "v1/public/x")},
	{name: "h2: a path that is a URL", fields: public2(":path", "http://a.test/v1/public/x")},
	{name: "h2: a path that is an asterisk", fields: public2(":path", "*")},
	{name: "h2: a path with a space", fields: public2(":path", "/v1/public/x HTTP/1.1")},
	{name: "h2: a path with a request in it", fields: public2(":path", "/v1/public/x HTTP/1.1\r\nhost: evil.test\r\n\r\nGET /v1/private")},
	{name: "h2: a path with a tab", fields: public2(":path", "/v1/public/x\t")},
	{name: "h2: a path with a NUL", fields: public2(":path", "/v1/public/\x00")},
	{name: "h2: a path with a hash", fields: public2(":path", "/v1/public/x#/../private")},
	{name: "h2: a path with bytes of UTF-8", fields: public2(":path", "/v1/public/\u2025/private")},
	{name: "h2: a pseudo-header behind a header", fields: append(without2(":path", public2()), ":path", "/v1/public/x")},
	{name: "h2: a pseudo-header that nobody knows", fields: first2(public2(), ":foo", "x")},
	{name: "h2: a pseudo-header of responses", fields: first2(public2(), ":status", "200")},
	{name: "h2: a host beside the authority", fields: public2("host", "b.test"), ending: sent, upstream: []string{gotPublic, "host: a.test\r\n"}, without: []string{"b.test"}},
	{name: "h2: a good host beside another authority", fields: public2(":authority", "evil.test", "host", "a.test"), status: 403, code: "denied"},
	{name: "h2: a host and no authority", fields: without2(":authority", public2("host", "evil.test"))},
	{name: "h2: neither host nor authority", fields: without2(":authority", public2())},
	{name: "h2: an empty authority", fields: public2(":authority", "")},
	{name: "h2: an authority with userinfo", fields: public2(":authority", "a.test@evil.test")},
	{name: "h2: an authority with a line break", fields: public2(":authority", "a.test\r\nx: y")},
	{name: "h2: CONNECT", fields: []string{":method", "CONNECT", ":authority", "a.test:443", "x-cloakroom-token", "{token}", "authorization", "Bearer {every}"}},
	{name: "h2: CONNECT with a path", fields: over2("/any/x", ":method", "CONNECT", "authorization", "Bearer {every}")},
	{name: "h2: extended CONNECT", fields: first2(over2("/any/x", ":method", "CONNECT", "authorization", "Bearer {every}"), ":protocol", "websocket"), ending: sent, upstream: []string{gotEvery, "GET /any/x", "upgrade: websocket\r\n"}},
	{name: "h2: extended CONNECT elsewhere", fields: first2(over2("/v1/private", ":method", "CONNECT", "authorization", "Bearer {public}"), ":protocol", "websocket")},
	{name: "h2: extended CONNECT to something else", fields: first2(over2("/any/x", ":method", "CONNECT", "authorization", "Bearer {every}"), ":protocol", "connect-udp")},
	{name: "h2: a protocol without CONNECT", fields: first2(public2(), ":protocol", "websocket")},
	{name: "h2: a method in lower case", fields: public2(":method", "get")},
	{name: "h2: a method with a request in it", fields: public2(":method", "GET /v1/private HTTP/1.1\r\nx: y\r\n\r\nGET")},
	{name: "h2: a method with a space", fields: over2("/any/x", ":method", "GET /v1/private", "authorization", "Bearer {every}")},
	{name: "h2: an empty method", fields: public2(":method", "")},
	{name: "h2: a scheme that is a URL", fields: public2(":scheme", "http://evil.test/")},
	{name: "h2: a scheme that is none of ours", fields: public2(":scheme", "gopher"), ending: sent, upstream: []string{gotPublic}},
	{name: "h2: no scheme", fields: without2(":scheme", public2())},
	{name: "h2: a scheme of TLS", fields: public2(":scheme", "https"), ending: sent, upstream: []string{gotPublic}},
	{name: "h2: a name in capitals", fields: public2("X-Note", "x")},
	{name: "h2: a name with a space", fields: public2("x-note ", "x")},
	{name: "h2: a name with a colon", fields: public2("x-note:x", "x")},
	{name: "h2: a name with a line break", fields: public2("x-note\r\nx-original-url", "/v1/private")},
	{name: "h2: a name with an underscore", fields: public2("x_original_url", "/v1/private")},
	{name: "h2: an empty name", fields: public2("", "x")},
	{name: "h2: a value with a line break", fields: public2("x-note", "a\r\nx-original-url: /v1/private")},
	{name: "h2: a value with a lone LF", fields: public2("x-note", "a\nx-original-url: /v1/private")},
	{name: "h2: a value with a NUL", fields: public2("x-note", "a\x00")},
	{name: "h2: transfer-encoding", fields: public2("transfer-encoding", "chunked"), body: "0\r\n\r\n" + smuggled},
	{name: "h2: connection", fields: public2("connection", "x-cloakroom-token")},
	{name: "h2: upgrade", fields: public2("upgrade", "websocket")},
	{name: "h2: te", fields: public2("te", "gzip")},
	{name: "h2: a length that is too short", fields: over2("/any/x", ":method", "POST", "authorization", "Bearer {every}", "content-length", "0"), body: smuggled},
	{name: "h2: a length of nothing", fields: over2("/any/x", ":method", "POST", "authorization", "Bearer {every}", "content-length", "5")},
	{name: "h2: two lengths", fields: over2("/any/x", ":method", "POST", "authorization", "Bearer {every}", "content-length", "5", "content-length", "6"), body: "abcde"},
	{name: "h2: a placeholder in trailers", fields: over2("/any/x", ":method", "POST"), body: "x", trailers: []string{"authorization", "Bearer {every}"}, ending: inert, without: []string{"{every}", "Bearer"}},
	{name: "h2: a pseudo-header in trailers", fields: over2("/any/x", ":method", "POST", "authorization", "Bearer {every}"), body: "x", trailers: []string{":path", "/v1/private"}},
	{name: "h2: two credentials of one name", fields: public2("authorization", "Bearer {money}"), status: 403, code: "not_granted"},
	{name: "h2: cookies in crumbs", fields: over2("/c/x", "cookie", "a=1", "cookie", "session={cookie}"), ending: sent, upstream: []string{"session={COOKIE}"}},
	{name: "h2: a quoted cookie in crumbs", fields: over2("/c/x", "cookie", `a="1`, "cookie", "session={cookie}", "cookie", `b="`), ending: inert, upstream: []string{"session={cookie}"}},
	{name: "h2: overriding", fields: public2("x-http-method-override", "DELETE"), status: 403, code: "denied"},
}
