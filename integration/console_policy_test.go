package integration

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestPagePolicy shows an agent's words that would like to be a page of their
// own, and tries what other sites and scripts would.
func TestPagePolicy(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	words := `<img src=x onerror="document.title='hit'"><script>document.title='hit'</script>` + "\u202e" + ` [click](javascript:document.title='hit')`
	r, err := http.NewRequest(http.MethodPost, h.gateway+"/.well-known/cloakroom/leases", bytes.NewReader([]byte(encode(t, map[string]string{"credential": "pay", "reason": words}))))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("x-cloakroom-token", h.token(erinClient))
	var pending struct{ Ticket, Lease string }
	h.decode(r, http.StatusAccepted, &pending)
	canary(pending.Ticket)
	bob := h.enters(t, "bob")
	bob.has(".says", "onerror=")
	bob.click(".inbox h2 a")
	bob.has(".untrusted", "onerror=")
	bob.shown()
	hit := evaluate[bool](bob, `document.title === "hit" || document.querySelector("main img, main script, .untrusted a") !== null`)
	if hit || strings.Contains(bob.text(".untrusted"), "\u202e") {
		t.Error("the agent's words are more than words")
	}
	if evaluate[int](bob, `document.querySelectorAll("[name=scope]:checked").length`) != 0 {
		t.Error("the widest scope is chosen beforehand")
	}
	bob.tries(t)
	h.otherSites(t, bob)
}

// otherSites opens pages that post to ours: one of the same name on another port,
// and one of another name.
func (h *house) otherSites(t *testing.T, bob *browser) {
	t.Helper()
	evil := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("content-type", "text/html")
		fmt.Fprintf(w, `<form method=post action="%s/revoke"><input name=what value=all><input name=sure value=yes><input name=reason value=evil>
			<input name=token value=guess></form><script>document.forms[0].submit()</script>`, h.admin)
	}))
	defer evil.Close()
	for _, site := range []string{evil.URL, strings.Replace(evil.URL, "127.0.0.1", "localhost", 1)} {
		bob.open(site)
		bob.has(".problem", "another site")
	}
	bob.open(h.admin + "/leases")
	if strings.Contains(bob.text("main"), "evil") {
		t.Error("another site put up a bar")
	}
	status := evaluate[int](bob, `fetch("/revoke", {method: "POST", body: new URLSearchParams({what: "all", sure: "yes", reason: "no token"})}).then((r) => r.status)`)
	if status != 403 {
		t.Errorf("a form without the session's token: status %d", status)
	}
}

// tries runs what the policy forbids, and hears that it was blocked.
func (b *browser) tries(t *testing.T) {
	t.Helper()
	for directive, script := range map[string]string{
		// A page's script cannot even make one that is inline.
		"require-trusted-types-for": `try { document.head.append(Object.assign(document.createElement("script"), {text: "document.title='hit'"})) } catch {}`,
		"style-src-attr":            `document.body.setAttribute("style", "color: red");`,
		"img-src":                   `document.body.append(Object.assign(new Image(), {src: "http://127.0.0.1:9/stolen"}));`,
		"connect-src":               `fetch("http://127.0.0.1:9/stolen").catch(() => {});`,
		"frame-src":                 `document.body.append(Object.assign(document.createElement("iframe"), {src: "http://127.0.0.1:9/"}));`,
		"form-action":               `const f = document.createElement("form"); f.action = "http://127.0.0.1:9/stolen"; f.method = "post"; document.body.append(f); f.submit();`,
		"base-uri":                  `document.head.append(Object.assign(document.createElement("base"), {href: "http://127.0.0.1:9/"}));`,
	} {
		blocked := evaluate[string](b, `new Promise((told) => {
			document.addEventListener("securitypolicyviolation", (e) => told(e.effectiveDirective), {once: true});
			setTimeout(() => told("nothing was blocked"), 5000);
			`+script+`
		})`)
		if blocked != directive {
			t.Errorf("%s: %s", directive, blocked)
		}
	}
	if evaluate[bool](b, `document.title === "hit"`) {
		t.Error("an inline script ran")
	}
}
