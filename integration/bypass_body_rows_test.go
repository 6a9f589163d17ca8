package integration

import "strings"

// posted is a POST of a body of a content type to where field may stand.
func posted(contentType, body string, headers ...string) string {
	return bodied("/f/x", body, append([]string{"content-type: " + contentType, "content-length: {length}"}, headers...)...)
}

const (
	isJSON  = "application/json"
	isForm  = "application/x-www-form-urlencoded"
	isParts = "multipart/form-data; boundary=B"
)

// parts is a multipart form of boundary B, of which each part is a disposition's
// parameters and a text.
func parts(all ...string) string {
	var b strings.Builder
	for i := 0; i < len(all); i += 2 {
		b.WriteString("--B\r\ncontent-disposition: form-data; " + all[i] + "\r\n\r\n" + all[i+1] + "\r\n")
	}
	return b.String() + "--B--"
}

// bodyRows put placeholders in bodies, where they count and where another reader
// than ours could think that they do.
var bodyRows = []bypass{
	{name: "its own member", raw: posted(isJSON, `{"text":"{field}","secret":"{field}"}`), ending: sent, upstream: []string{`{"text":"{field}","secret":"{FIELD}"}`}},
	{name: "its own member twice", raw: posted(isJSON, `{"secret":"{field}","secret":"{field}"}`), ending: sent, upstream: []string{`{"secret":"{FIELD}","secret":"{FIELD}"}`}},
	{name: "its own member by an escaped name", raw: posted(isJSON, `{"\u0073ecret":"{field}"}`), ending: sent, upstream: []string{`{"\u0073ecret":"{FIELD}"}`}},
	{name: "its own member in an item", raw: posted(isJSON, `{"a":[{"b":"{field}"},{"b":"{field}"}]}`), ending: sent, upstream: []string{`{"a":[{"b":"{FIELD}"},{"b":"{field}"}]}`}},
	{name: "its own member of a structured type", raw: posted("application/vnd.api+json", `{"secret":"{field}"}`), ending: sent, upstream: []string{`{"secret":"{FIELD}"}`}},
	{name: "another member", raw: posted(isJSON, `{"text":"{field}"}`), ending: inert, upstream: []string{"{field}"}},
	{name: "a member in capitals", raw: posted(isJSON, `{"Secret":"{field}"}`), ending: inert, upstream: []string{"{field}"}},
	{name: "a member of a member", raw: posted(isJSON, `{"text":{"secret":"{field}"}}`), ending: inert, upstream: []string{"{field}"}},
	{name: "a name", raw: posted(isJSON, `{"{field}":"secret"}`), ending: inert, upstream: []string{"{field}"}},
	{name: "JSON in a string", raw: posted(isJSON, `{"text":"{\"secret\":\"{field}\"}"}`), ending: inert, upstream: []string{"{field}"}},
	{name: "a pointer into a string", raw: posted(isJSON, `{"a":"[{\"b\":\"{field}\"}]"}`), ending: inert, upstream: []string{"{field}"}},
	{name: "an array for an object", raw: posted(isJSON, `[{"secret":"{field}"}]`), ending: inert, upstream: []string{"{field}"}},
	{name: "its own member, the placeholder escaped", raw: posted(isJSON, `{"secret":"{unicode field}"}`), ending: inert, upstream: []string{`{"secret":"{unicode field}"}`}},
	{name: "its own member behind an escape", raw: posted(isJSON, `{"secret":"\u0020{field}"}`), ending: sent, upstream: []string{`{"secret":"\u0020{FIELD}"}`}},
	{name: "its own member, within an escape", raw: posted(isJSON, `{"secret":"\u000{field}"}`), ending: inert, upstream: []string{"{field}"}},
	{name: "its own member, within a percent escape", raw: posted(isJSON, `{"secret":"%5{field}"}`), ending: inert, upstream: []string{"{field}"}},
	{name: "its own query, within a percent escape", raw: asks("/q/x?key=%5{query}"), ending: inert, upstream: []string{"{query}"}},
	{name: "its own query, within one encoded twice", raw: asks("/q/x?key=%255{query}"), ending: inert, upstream: []string{"{query}"}},
	{name: "its own member behind a comment", raw: posted(isJSON, `{/*"*/"secret":"{field}"}`), status: 403, code: "denied"},
	{name: "its own member in loose JSON", raw: posted(isJSON, `{'text':'"secret":"{field}"'}`), status: 403, code: "denied"},
	{name: "its own member of a second text", raw: posted(isJSON, `{"text":1}{"secret":"{field}"}`), status: 403, code: "denied"},
	{name: "its own member behind a byte order mark", raw: posted(isJSON, "\ufeff"+`{"secret":"{field}"}`), status: 403, code: "denied"},
	{name: "its own member in overlong quotes", raw: posted(isJSON, "{\"secret\":\"x\xc0\xa2,\xc0\xa2text\xc0\xa2:\xc0\xa2{field}\"}"), status: 403, code: "denied"},
	{name: "its own member in UTF-16", raw: posted(isJSON+"; charset=utf-16le", `{"secret":"{field}"}`), status: 403, code: "denied"},
	{name: "its own member in UTF-7", raw: posted(isJSON+"; charset=utf-7", `{"secret":"{field}"}`), status: 403, code: "denied"},
	{name: "its own member, compressed they say", raw: posted(isJSON, `{"secret":"{field}"}`, "content-encoding: x-none"), status: 415, code: "unsupported"},
	{name: "its own member by another method", raw: strings.Replace(posted(isJSON, `{"secret":"{field}"}`), "POST", "PUT", 1), status: 403, code: "denied"},
	{name: "its own member elsewhere", raw: strings.Replace(posted(isJSON, `{"secret":"{field}"}`), "/f/x", "/any/x", 1), ending: inert, upstream: []string{`{"secret":"{field}"}`}},
	{name: "its own member and a path in two readings", raw: strings.Replace(posted(isJSON, `{"secret":"{field}"}`), "/f/x", "/f/%2e%2e/any/x", 1), status: 403, code: "denied"},
	{name: "its own member in a header", raw: posted(isJSON, `{}`, "authorization: Bearer {field}"), status: 403, code: "not_granted"},
	{name: "another credential in its member", raw: posted(isJSON, `{"secret":"{public}"}`), ending: inert, upstream: []string{"{public}"}},
	{name: "a forged one in its member", raw: posted(isJSON, `{"secret":"{forged field}"}`), status: 403, code: "unknown_placeholder"},
	{name: "its own member with an overriding method", raw: posted(isJSON, `{"secret":"{field}"}`, "x-http-method-override: PUT"), status: 403, code: "denied"},
	{name: "its own member of text", raw: posted("text/plain", `{"secret":"{field}"}`), ending: inert, upstream: []string{"{field}"}},
	{name: "its own member of two types", raw: posted(isJSON, `{"secret":"{field}"}`, "content-type: text/plain"), ending: inert, upstream: []string{"{field}"}},
	{name: "its own member over HTTP/2", fields: []string{":method", "POST", ":scheme", "http", ":path", "/f/x", ":authority", "a.test", "x-cloakroom-token", "{token}", "content-type", isJSON},
		body: `{"secret":"{field}"}`, ending: sent, upstream: []string{`{"secret":"{FIELD}"}`}},
	{name: "its own member over HTTP/2, and a trailer", fields: []string{":method", "POST", ":scheme", "http", ":path", "/f/x", ":authority", "a.test", "x-cloakroom-token", "{token}", "content-type", isJSON},
		body: `{"secret":"{field}"}`, trailers: []string{"authorization", "Bearer {field}"}, ending: sent, upstream: []string{`{"secret":"{FIELD}"}`}, without: []string{"authorization", "{field}"}},
	{name: "a trailer and nothing else", fields: []string{":method", "POST", ":scheme", "http", ":path", "/f/x", ":authority", "a.test", "x-cloakroom-token", "{token}", "content-type", isJSON},
		trailers: []string{"authorization", "Bearer {field}"}, ending: inert, upstream: []string{"POST /f/x "}, without: []string{"authorization", "{field}"}},
	{name: "its own member in chunks and a trailer", raw: bodied("/f/x", "2\r\n{}\r\n0\r\nauthorization: Bearer {field}\r\n\r\n", "content-type: "+isJSON, "transfer-encoding: chunked", "trailer: authorization"), ending: inert, upstream: []string{"{}"}, without: []string{"{field}", "Bearer"}},

	{name: "its own field", raw: posted(isForm, "text={field}&secret={field}"), ending: sent, upstream: []string{"text={field}&secret={FIELD%}"}},
	{name: "its own field twice", raw: posted(isForm, "secret={field}&secret={field}"), ending: sent, upstream: []string{"secret={FIELD%}&secret={FIELD%}"}},
	{name: "its own field by an encoded name", raw: posted(isForm, "s%65cret={field}"), ending: sent, upstream: []string{"s%65cret={FIELD%}"}},
	{name: "its own field as a list", raw: posted(isForm, "secret[]={field}"), ending: inert, upstream: []string{"{field}"}},
	{name: "its own field in capitals", raw: posted(isForm, "SECRET={field}"), ending: inert, upstream: []string{"{field}"}},
	{name: "another field behind a semicolon", raw: posted(isForm, "secret=1;text={field}"), ending: inert, upstream: []string{"{field}"}},
	{name: "another field behind an encoded ampersand", raw: posted(isForm, "secret=1%26text={field}"), ending: inert, upstream: []string{"{field}"}},
	{name: "a field behind a semicolon", raw: posted(isForm, "text=1;secret={field}"), ending: inert, upstream: []string{"{field}"}},
	{name: "its own field within a percent escape", raw: posted(isForm, "secret=%5{field}"), ending: inert, upstream: []string{"{field}"}},
	{name: "its own field, the placeholder escaped", raw: posted(isForm, "secret={escaped field}"), ending: inert, upstream: []string{"secret={escaped field}"}},
	{name: "a form that names its charset", raw: posted(isForm, "_charset_=utf-16&secret={field}"), status: 403, code: "denied"},
	{name: "JSON as a form", raw: posted(isForm, `{"text":"&secret={field}&"}`), status: 403, code: "denied"},
	{name: "YAML as a form", raw: posted(isForm, "text: &secret={field}"), status: 403, code: "denied"},
	{name: "XML as a form", raw: posted(isForm, "<text>&secret={field}</text>"), status: 403, code: "denied"},
	{name: "a form as JSON", raw: posted(isJSON, "secret={field}"), status: 403, code: "denied"},
	{name: "its own field in UTF-7", raw: posted(isForm+"; charset=utf-7", "secret={field}"), status: 403, code: "denied"},

	{name: "its own part", raw: posted(isParts, parts(`name="text"`, "{field}", `name="secret"`, "{field}")), ending: sent, upstream: []string{"name=\"text\"\r\n\r\n{field}\r\n", "name=\"secret\"\r\n\r\n{FIELD}\r\n"}},
	{name: "a file", raw: posted(isParts, parts(`name="secret"; filename="f"`, "{field}")), ending: inert, upstream: []string{"{field}"}},
	{name: "a part of two names", raw: posted(isParts, parts(`name="secret"; name*=utf-8''text`, "{field}")), ending: inert, upstream: []string{"{field}"}},
	{name: "a part with two dispositions", raw: posted(isParts, parts("name=\"secret\"\r\ncontent-disposition: form-data; name=\"text\"", "{field}")), status: 403, code: "denied"},
	{name: "a part behind LF", raw: posted(isParts, parts(`name="secret"`, "x\n--B\ncontent-disposition: form-data; name=\"text\"\n\n{field}")), status: 403, code: "denied"},
	{name: "a part behind a boundary with spaces", raw: posted(isParts, parts(`name="secret"`, "x\r\n--B \r\ncontent-disposition: form-data; name=\"text\"\r\n\r\n{field}")), status: 403, code: "denied"},
	{name: "a part before the first boundary", raw: posted(isParts, "secret={field}\r\n"+parts(`name="text"`, "x")), status: 403, code: "denied"},
	{name: "a part behind the last boundary", raw: posted(isParts, parts(`name="text"`, "x")+"\r\n"+parts(`name="secret"`, "{field}")), status: 403, code: "denied"},
	{name: "parts with two boundaries", raw: posted("multipart/form-data; boundary=A; boundary=B", parts(`name="secret"`, "{field}")), ending: inert, upstream: []string{"{field}"}},
	{name: "parts with a boundary in pieces", raw: posted("multipart/form-data; boundary*0=B", parts(`name="secret"`, "{field}")), status: 403, code: "denied"},
	{name: "a boundary that keeps its backslash elsewhere", raw: posted(`multipart/form-data; boundary="B\/C"`, "--B/C\r\ncontent-disposition: form-data; name=secret\r\n\r\n\r\n--B\\/C\r\ncontent-disposition: form-data; name=text\r\n\r\n{field}\r\n--B\\/C--\r\n--B/C--"), status: 403, code: "denied"},
	{name: "a boundary that ends at its comma elsewhere", raw: posted(`multipart/form-data; boundary="B,C"`, "--B,C\r\ncontent-disposition: form-data; name=secret\r\n\r\n\r\n--B\r\ncontent-disposition: form-data; name=text\r\n\r\n{field}\r\n--B--\r\n--B,C--"), status: 403, code: "denied"},
	{name: "a boundary that another parameter's name ends with", raw: posted("multipart/form-data; xboundary=A; boundary=B", parts(`name="secret"`, "\r\n--A\r\ncontent-disposition: form-data; name=text\r\n\r\n{field}\r\n--A--")), status: 403, code: "denied"},
	{name: "JSON whose type begins as a form's", raw: posted(isForm+"+json", `{"a":"&text=","secret":"{field}"}`), ending: inert, upstream: []string{"{field}"}},
	{name: "JSON in whose type a form's stands", raw: posted(isJSON+"; x="+strings.ReplaceAll(isForm, "/", "-"), `{"a":"&text=","secret":"{field}"}`), ending: inert, upstream: []string{"{field}"}},
	{name: "a part in base64", raw: posted(isParts, parts("name=\"secret\"\r\ncontent-transfer-encoding: base64", "{field}")), ending: inert, upstream: []string{"{field}"}},
}
