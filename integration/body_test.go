package integration

import (
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// fielded is a world whose backend keeps the bodies that reach it, and how much
// of a body that breaks off.
type fielded struct {
	*world
	backend *seen
	value   string
	token   string
	bodies  chan upload
}

type upload struct {
	head *http.Request
	text string
	err  error
}

func newFielded(t *testing.T) *fielded {
	t.Helper()
	b, s := fieldedSetup(t)
	b.world = newWorld(t, s)
	b.unseal()
	b.token = b.world.token(agentClient)
	return b
}

// newFieldedRig is newFielded with an Envoy of a patched bootstrap.
func newFieldedRig(t *testing.T, patch func(node)) *fielded {
	t.Helper()
	b, s := fieldedSetup(t)
	b.world = newRig(t, s, patch).world
	b.token = b.world.token(agentClient)
	return b
}

func fieldedSetup(t *testing.T) (*fielded, setup) {
	t.Helper()
	b := &fielded{value: value() + `"\&`, bodies: make(chan upload, 100)}
	b.backend = backend(t, func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(r.Body)
		b.bodies <- upload{r.Clone(context.Background()), string(text), err}
		w.Header().Set("content-type", r.Header.Get("content-type"))
		w.Write(text)
	})
	return b, setup{Values: map[string]string{"SECRET": b.value, "THEIRS": value(), "HOT": value()}, Config: fieldedConfig, Humans: true, Upstreams: []string{
		fmt.Sprintf(`{host: api.test, address: %q}`, b.backend.address()),
		fmt.Sprintf(`{host: prefixed.test, prefix: /p, address: %q}`, b.backend.address())}}
}

const fieldedConfig = `
tiers:
  low: {lease: 15m}
  high: {lease: 5m, approval: {approvers: [oncall], count: 1}}
credentials:
  - name: oauth
    tier: low
    groups: [ai-agents]
    value: {env: SECRET}
    allow:
      - {hosts: [api.test, prefixed.test], methods: [POST, PUT], paths: ["/token/**"], in: ["body:/client_secret", "body:/items/1/key", "form:client_secret"]}
      - {hosts: [api.test], methods: [POST, PUT], paths: ["/plain/**"]}
  - name: theirs
    tier: low
    groups: [finance]
    value: {env: THEIRS}
    allow: [{hosts: [api.test], methods: [POST], paths: ["/token/**"], in: ["body:/client_secret", "form:client_secret"]}]
  - name: hot
    tier: high
    groups: [ai-agents]
    value: {env: HOT}
    allow: [{hosts: [api.test], methods: [POST], paths: ["/token/**"], in: ["body:/client_secret"]}]
`

// send posts a body in pieces; one piece is sent with its length. got is what
// reached the backend, nil if nothing did.
func (b *fielded) send(path, contentType, text string, headers ...string) (answer *http.Response, page string, got *upload) {
	b.t.Helper()
	return b.sendFrom(path, contentType, strings.NewReader(text), headers...)
}

func (b *fielded) sendFrom(path, contentType string, body io.Reader, headers ...string) (answer *http.Response, page string, got *upload) {
	b.t.Helper()
	r, err := http.NewRequest(http.MethodPost, b.gateway+path, body)
	if err != nil {
		b.t.Fatal(err)
	}
	before := b.backend.count()
	headers = append([]string{"host", "api.test", "content-type", contentType}, headers...)
	if b.token != "" {
		headers = append(headers, "x-cloakroom-token", b.token)
	}
	answer, page = b.do(r, headers...)
	if b.backend.count() > before {
		select {
		case u := <-b.bodies:
			got = &u
		case <-time.After(30 * time.Second):
			b.t.Fatal("a request reached the backend and does not end")
		}
	}
	return answer, page, got
}

// stream is a body without a declared length.
func stream(text string) io.Reader { return io.MultiReader(strings.NewReader(text)) }

func quoted(s string) string {
	text, _ := json.Marshal(s)
	return string(text)
}

// TestValuesInBodies: what stands at a declared place goes up as a value, in the
// words of its content type, and the rest of the body as it was.
func TestValuesInBodies(t *testing.T) {
	b := newFielded(t)
	p := b.placeholder("oauth")
	long := strings.Repeat("x", 1<<20)
	field := func(name, text string) string {
		return "--B\r\ncontent-disposition: form-data; name=\"" + name + "\"\r\n\r\n" + text + "\r\n"
	}
	encoded := quoted(b.value)
	encoded = strings.ReplaceAll(encoded[1:len(encoded)-1], `\u0026`, "&")
	for _, tt := range []struct{ name, contentType, text, want string }{
		{"JSON", "application/json", `{ "note":"` + p + `", "client_secret": "` + p + `" }`, `{ "note":"` + p + `", "client_secret": "` + encoded + `" }`},
		{"an item", "application/json; charset=utf-8", `{"items":[{"key":"` + p + `"},{"key":"` + p + `"}]}`, `{"items":[{"key":"` + p + `"},{"key":"` + encoded + `"}]}`},
		{"a form", "application/x-www-form-urlencoded", "note=" + p + "&client_secret=" + p, "note=" + p + "&client_secret=" + strings.ReplaceAll(url.QueryEscape(b.value), "+", "%20")},
		{"parts", "multipart/form-data; boundary=B", field("note", p) + "--B--", field("note", p) + "--B--"},
		{"JSON of 1 MiB, before", "application/json", `{"client_secret":"` + p + `","x":"` + long + `"}`, `{"client_secret":"` + encoded + `","x":"` + long + `"}`},
		{"JSON of 1 MiB, behind", "application/json", `{"x":"` + long + `","client_secret":"` + p + `"}`, `{"x":"` + long + `","client_secret":"` + encoded + `"}`},
		{"a form of 1 MiB", "application/x-www-form-urlencoded", "x=" + long + "&client_secret=" + p, "x=" + long + "&client_secret=" + strings.ReplaceAll(url.QueryEscape(b.value), "+", "%20")},
		{"nothing to put in", "application/json", `{"x":1}`, `{"x":1}`},
	} {
		for _, body := range []io.Reader{strings.NewReader(tt.text), stream(tt.text)} {
			answer, page, got := b.sendFrom("/token/x", tt.contentType, body, "content-digest", "sha-256=:x:")
			if answer.StatusCode != 200 || got == nil || got.err != nil || got.text != tt.want {
				t.Errorf("%s: status %d %.200s; the backend got %.200v", tt.name, answer.StatusCode, page, got)
				continue
			}
			if changed := tt.want != tt.text; changed && got.head.Header.Get("content-digest") != "" {
				t.Errorf("%s: a digest of other bytes went up", tt.name)
			}
			if page != tt.text {
				t.Errorf("%s: the agent got %.300s", tt.name, page)
			}
		}
	}
}

// TestAWholeBodyIsJudgedFirst: of a body of at most 64 KiB that is refused the
// backend hears nothing.
func TestAWholeBodyIsJudgedFirst(t *testing.T) {
	b := newFielded(t)
	forged := "ckr_oauth_" + strings.Repeat("0", 26)
	secret := func(p string) string { return `{"client_secret":"` + p + `"}` }
	for _, tt := range []struct {
		name, contentType, text string
		status                  int
		code                    string
		headers                 []string
	}{
		{"another group's", "application/json", secret(b.placeholder("theirs")), 403, "not_granted", nil},
		{"another group's, in a form", "application/x-www-form-urlencoded", "client_secret=" + b.placeholder("theirs"), 403, "not_granted", nil},
		{"one that needs an approval", "application/json", secret(b.placeholder("hot")), 403, "approval_pending", nil},
		{"forged", "application/json", secret(forged), 403, "unknown_placeholder", nil},
		{"no JSON", "application/json", `{"client_secret":"` + b.placeholder("oauth") + `"`, 403, "denied", nil},
		{"no JSON behind it", "application/json", secret(b.placeholder("oauth")) + "x", 403, "denied", nil},
		{"UTF-16", "application/json; charset=utf-16", "{}", 403, "denied", nil},
		{"compressed", "application/json", secret(b.placeholder("oauth")), 415, "unsupported", []string{"content-encoding", "x-unknown"}},
	} {
		for _, body := range []io.Reader{strings.NewReader(tt.text), stream(tt.text)} {
			answer, page, got := b.sendFrom("/token/x", tt.contentType, body, tt.headers...)
			if answer.StatusCode != tt.status || !strings.Contains(page, `"code":"`+tt.code+`"`) || got != nil {
				t.Errorf("%s: status %d, %s; the backend got %v", tt.name, answer.StatusCode, page, got)
			}
		}
	}
}

// TestALateRefusalBreaksTheUpload: what was not judged before the backend heard
// of it ends broken there.
func TestALateRefusalBreaksTheUpload(t *testing.T) {
	b := newFielded(t)
	for secret, code := range map[string]string{
		b.placeholder("theirs"):                "not_granted",
		b.placeholder("hot"):                   "not_granted",
		"ckr_oauth_" + strings.Repeat("0", 26): "not_granted",
		b.ticket(agentClient, "oauth"):         "not_granted",
		strings.Repeat("x", 64<<10+1):          "too_large",
		b.placeholder("oauth") + `"} "ckr_x`:   "denied",
	} {
		text := `{"x":"` + strings.Repeat("x", 4<<20) + `","client_secret":"` + secret + `"}`
		answer, page, got := b.sendFrom("/token/x", "application/json", stream(text))
		if answer.StatusCode != 403 || !strings.Contains(page, `"code":"`+code+`"`) {
			t.Errorf("status %d, %.300s; want code %s", answer.StatusCode, page, code)
		}
		if got != nil && (got.err == nil || strings.Contains(got.text, "ckr_")) {
			t.Errorf("the backend took %d bytes for whole: %v", len(got.text), got.err)
		}
	}
}

// TestATicketInAForm is an OAuth2 client whose secret is a ticket and that sends
// nothing else: the ticket says who calls.
func TestATicketInAForm(t *testing.T) {
	b := newFielded(t)
	ticket := b.ticket(agentClient, "oauth")
	b.token = ""
	answer, page, got := b.send("/token/x", "application/x-www-form-urlencoded", url.Values{"grant_type": {"client_credentials"}, "client_secret": {ticket}}.Encode())
	if answer.StatusCode != 200 || got == nil || !strings.Contains(got.text, url.QueryEscape(b.value)) {
		t.Fatalf("status %d, %s; the backend got %v", answer.StatusCode, page, got)
	}
	if answer, page, got := b.send("/token/x", "application/json", `{"client_secret":"x"}`); answer.StatusCode != 401 || got != nil {
		t.Errorf("nobody: status %d, %s", answer.StatusCode, page)
	}
}

// TestAnUploadKeepsItsLength where nothing in it is to be substituted.
func TestAnUploadKeepsItsLength(t *testing.T) {
	b := newFielded(t)
	text := strings.Repeat("x", 1<<20)
	for path, contentType := range map[string]string{"/token/x": "application/octet-stream", "/plain/x": "application/json"} {
		answer, page, got := b.send(path, contentType, text)
		if answer.StatusCode != 200 || got == nil || got.head.ContentLength != 1<<20 || sha256.Sum256([]byte(got.text)) != sha256.Sum256([]byte(text)) {
			t.Errorf("%s: status %d, %.100s; %.100v", path, answer.StatusCode, page, got)
		}
	}
}

// TestPartsOfARealClient sends a file and fields as mime/multipart writes them.
func TestPartsOfARealClient(t *testing.T) {
	b := newFielded(t)
	for _, size := range []int{10, 20_000} {
		var text strings.Builder
		w := multipart.NewWriter(&text)
		file, _ := w.CreateFormFile("file", "f.bin")
		io.WriteString(file, strings.Repeat("\x00\xff\xfe\r\n--", size)+b.placeholder("oauth"))
		w.WriteField("note", b.placeholder("oauth"))
		w.WriteField("client_secret", "{}")
		w.Close()
		with := func(s string) string { return strings.Replace(text.String(), "{}", s, 1) }
		_, page, got := b.send("/token/x", w.FormDataContentType(), with(b.placeholder("oauth")))
		if got == nil || got.text != with(b.value) {
			t.Errorf("the backend got other bytes: %.200s", page)
		}
	}
}

// TestCompressedUploads go on without their coding, whatever their size.
func TestCompressedUploads(t *testing.T) {
	b := newFielded(t)
	p := b.placeholder("oauth")
	encoded := quoted(b.value)
	encoded = strings.ReplaceAll(encoded[1:len(encoded)-1], `\u0026`, "&")
	for name, fill := range map[string]string{"small": "x", "1 MiB": strings.Repeat("some words ", 100_000), "1 MiB of noise": value() + strings.Repeat(value(), 20_000)} {
		text := `{"x":"` + fill + `","client_secret":"` + p + `"}`
		answer, page, got := b.send("/token/x", "application/json", gzipped(text), "content-encoding", "gzip")
		if answer.StatusCode != 200 || got == nil || got.err != nil || got.text != strings.ReplaceAll(text, p, encoded) || got.head.Header.Get("content-encoding") != "" {
			t.Errorf("%s: status %d, %.200s; the backend got %.200v", name, answer.StatusCode, page, got)
		}
	}
}

func gzipped(text string) string {
	var b strings.Builder
	w := gzip.NewWriter(&b)
	io.WriteString(w, text)
	w.Close()
	return b.String()
}
