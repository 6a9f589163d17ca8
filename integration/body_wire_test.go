package integration

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// head is the head of a POST of JSON with more lines.
func (b *fielded) head(more ...string) string {
	return "POST /token/x HTTP/1.1\r\n" + lines(append([]string{"host: api.test", "content-type: application/json", "x-cloakroom-token: " + b.token}, more...)...)
}

// TestAnUploadThatWaits sends nothing before it is told to continue.
func TestAnUploadThatWaits(t *testing.T) {
	b := newFielded(t)
	for _, size := range []int{100, 100_000} {
		c, err := dial(strings.TrimPrefix(b.gateway, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		text := `{"x":"` + strings.Repeat("x", size) + `","client_secret":"` + b.placeholder("oauth") + `"}`
		io.WriteString(c, b.head("expect: 100-continue", fmt.Sprint("content-length: ", len(text))))
		in := bufio.NewReader(c)
		if first, err := in.ReadString('\n'); err != nil || !strings.Contains(first, " 100 ") {
			t.Fatalf("got %q, %v", first, err)
		}
		in.ReadString('\n')
		io.WriteString(c, text)
		if answer, err := readMessage(in); err != nil || !strings.Contains(answer, " 200 ") {
			t.Errorf("got %.200q, %v", answer, err)
		}
		if got := <-b.bodies; !strings.Contains(got.text, b.value[:20]) || got.err != nil {
			t.Errorf("the backend got %.100s, %v", got.text, got.err)
		}
	}
}

// TestHalfABodyEnds: an agent that sends a part of what it declared holds nobody
// longer than Envoy's idle time, and no backend hears of it.
func TestHalfABodyEnds(t *testing.T) {
	b := newFieldedRig(t, func(bootstrap node) {
		for _, r := range routes(bootstrap) {
			if action, ok := r["route"].(node); ok {
				action["idle_timeout"] = "1s"
			}
		}
	})
	for _, more := range []string{"content-length: 1000", "transfer-encoding: chunked"} {
		text := `5` + "\r\n" + `{"x":` + "\r\n"
		r := raw(strings.TrimPrefix(b.gateway, "http://"), b.head(more)+text, 0)
		if r.err != nil || r.status != http.StatusRequestTimeout && r.status != 0 || b.backend.count() != 0 {
			t.Errorf("%s: %+v; %d requests", more, r, b.backend.count())
		}
	}
	if answer, page, got := b.send("/token/x", "application/json", `{"client_secret":"`+b.placeholder("oauth")+`"}`); answer.StatusCode != 200 || got == nil {
		t.Errorf("afterwards: %d, %s", answer.StatusCode, page)
	}
}

// TestABackendThatAnswersEarly does not wait for the rest of an upload.
func TestABackendThatAnswersEarly(t *testing.T) {
	b := newFielded(t)
	b.backend.Config.Handler = b.backend.keeping(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("content-type", "text/plain")
		control := http.NewResponseController(w)
		control.EnableFullDuplex()
		io.WriteString(w, "early")
		control.Flush()
		text, err := io.ReadAll(r.Body)
		b.bodies <- upload{text: string(text), err: err}
	})
	c, err := dial(strings.TrimPrefix(b.gateway, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fill := strings.Repeat(" ", 100_000)
	fmt.Fprintf(c, "%s%x\r\n%s\r\n", b.head("transfer-encoding: chunked"), len(fill), fill)
	in := bufio.NewReader(c)
	if first, err := in.ReadString('\n'); err != nil || !strings.Contains(first, " 200 ") {
		t.Fatalf("got %q, %v", first, err)
	}
	rest := `{"client_secret":"` + b.placeholder("oauth") + `"}`
	fmt.Fprintf(c, "%x\r\n%s\r\n0\r\n\r\n", len(rest), rest)
	if got := <-b.bodies; got.err != nil || !strings.Contains(got.text, b.value[:20]) {
		t.Errorf("the backend got %v and then %.100q", got.err, strings.TrimSpace(got.text))
	}
}

// TestABodyBehindAPrefix is judged by the path that the backend sees.
func TestABodyBehindAPrefix(t *testing.T) {
	b := newFielded(t)
	r, err := http.NewRequest(http.MethodPost, b.gateway+"/p/token/x", strings.NewReader("client_secret="+b.placeholder("oauth")))
	if err != nil {
		t.Fatal(err)
	}
	answer, page := b.do(r, "content-type", "application/x-www-form-urlencoded", "x-cloakroom-token", b.token)
	if answer.StatusCode != 200 {
		t.Fatalf("status %d, %s", answer.StatusCode, page)
	}
	if got := <-b.bodies; got.head.URL.Path != "/token/x" || strings.Contains(got.text, "ckr_") {
		t.Errorf("the backend got %s, %s", got.head.URL, got.text)
	}
}

// TestAnEnvoyThatShowsNoBody substitutes nothing in it: hidden from the deciding
// half a placeholder is not granted, hidden from the other it is text.
func TestAnEnvoyThatShowsNoBody(t *testing.T) {
	for name, tt := range map[string]struct {
		hide   func(node)
		status int
	}{
		"from ext_authz": {func(config node) {
			settings := config["envoy.filters.http.ext_authz"].(node)["check_settings"].(node)
			delete(settings, "with_request_body")
			settings["disable_request_body_buffering"] = true
		}, 403},
		"from ext_proc": {func(config node) { delete(config, "envoy.filters.http.ext_proc") }, 200},
	} {
		b := newFieldedRig(t, func(bootstrap node) {
			for _, r := range routes(bootstrap) {
				if r["name"] == "host:api.test+body" {
					tt.hide(r["typed_per_filter_config"].(node))
				}
			}
		})
		text := `{"client_secret":"` + b.placeholder("oauth") + `"}`
		answer, page, got := b.send("/token/x", "application/json", text)
		if answer.StatusCode != tt.status || tt.status == 200 && got.text != text || tt.status != 200 && got != nil {
			t.Errorf("hidden %s: status %d, %s; the backend got %v", name, answer.StatusCode, page, got)
		}
	}
}

// TestReloadOfBodies: a place in a body may go while the service runs; a new one
// needs an Envoy that shows it.
func TestReloadOfBodies(t *testing.T) {
	b := newFielded(t)
	text := `{"client_secret":"` + b.placeholder("oauth") + `"}`
	ask := func() bool {
		_, _, got := b.send("/token/x", "application/json", text)
		return got != nil && got.text != text
	}
	if !ask() {
		t.Fatal("no value went up")
	}
	rule := `in: ["body:/client_secret", "body:/items/1/key", "form:client_secret"]`
	b.rewrite(rule, `in: ["form:client_secret"]`)
	b.eventually("a place goes", func() bool { return !ask() })
	b.rewrite(`in: ["form:client_secret"]`, "in: [header]")
	b.eventually("all go", func() bool { return strings.Count(b.up.out.String(), "is in force") == 2 })
	b.rewrite("in: [header]", rule)
	b.eventually("they come back", ask)
	b.rewrite(rule, `in: ["form:client_secret"]`)
	b.eventually("the place goes again", func() bool { return !ask() })
	b.rewrite(`paths: ["/plain/**"]`, `paths: ["/plain/**"], in: ["body:/key"]`)
	b.eventually("a new operation is refused", func() bool {
		return strings.Contains(b.up.out.String(), "a location in a body or message need a restart")
	})
	if ask() {
		t.Error("the old rules do not hold any more")
	}
}
