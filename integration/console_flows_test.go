package integration

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestPageApproves lets a held request go on: the inbox fills by itself, the
// approval takes another login, and the value reaches the backend.
func TestPageApproves(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	alice := h.enters(t, "alice")
	alice.has(".empty", "appears here by itself")
	evaluate[bool](alice, `window.loadedOnce = true`)
	held := h.asks(erinClient, "/v1/refunds?expand=charge", `{"charge": "ch_1", "amount": 1290}`)
	alice.has(".inbox", "/v1/refunds?expand=charge")
	if !evaluate[bool](alice, `window.loadedOnce === true && document.title.startsWith("(1)")`) {
		t.Error("the page was loaded anew, or its title does not count")
	}
	alice.shoot("inbox")
	alice.click(".inbox h2 a")
	alice.has("h1", "May erins use pay?")
	for _, want := range []string{"erin@example.com", "SHA-256", "POST", "5 min", "never", "0 of 1"} {
		if !strings.Contains(alice.text("main"), want) {
			t.Errorf("the question does not say %q:\n%s", want, alice.text("main"))
		}
	}
	alice.look(1200, 1000, "dark")
	alice.shoot("question")
	alice.look(390, 844, "light")
	alice.shoot("phone")
	alice.shown()
	select {
	case got := <-held:
		t.Fatalf("the request was answered before anybody approved: %v", got)
	default:
	}
	alice.click(".approve button")
	alice.typesPassword("alice") // though she is logged in at the provider
	alice.has(".sum", "active")
	alice.shoot("outcome")
	if got := <-held; got.status != 200 || got.body != "refunded" {
		t.Fatalf("the held request: %d %s", got.status, got.body)
	}
	if last := h.b.last(); last.Header.Get("authorization") != "Bearer "+h.key {
		t.Error("the value did not reach the backend")
	}
	if got := <-h.asks(erinClient, "/v1/refunds?expand=charge", `{"charge": "ch_1", "amount": 1290}`); got.status != 200 {
		t.Errorf("the same again: %d %s", got.status, got.body)
	}
	if wrong := alice.saidOf("Content Security Policy"); len(wrong) > 0 {
		t.Errorf("a page of ours breaks its own policy: %q", wrong)
	}
}

// TestPageDenies tells the agent why.
func TestPageDenies(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	bob := h.enters(t, "bob")
	held := h.asks(erinClient, "/v1/refunds", `{"amount": 999999}`)
	bob.click(".inbox h2 a")
	bob.types("#reason", "Ask finance first.")
	bob.click(".deny button")
	bob.typesPassword("bob")
	bob.has(".sum", "denied")
	got := <-held
	if got.status != 403 || errorCode(got.body) != "approval_denied" || !strings.Contains(got.body, "Ask finance first.") {
		t.Errorf("the agent got %d %s", got.status, got.body)
	}
	if h.b.count() > 0 {
		t.Error("the request reached the backend")
	}
	h.eventually("the denial is counted", func() bool {
		bob.open(h.admin + "/denials")
		return strings.Contains(bob.text("main"), "approval_denied")
	})
	bob.click(".me button")
	bob.has("h1", "Log in")
	bob.open(h.admin + "/leases")
	bob.has("h1", "Log in")
	bob.click("main button")
	bob.do(chromedp.WaitVisible(chromedp.CSS("#password"))) // he is logged out there too
}

// TestPageRevokes cuts what is in flight, and stops everything.
func TestPageRevokes(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	bob := h.enters(t, "bob")
	r, err := http.NewRequest(http.MethodGet, h.gateway+"/pay/v1/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("x-cloakroom-token", h.token(erinClient))
	r.Header.Set("authorization", "Bearer "+h.read)
	stream, err := h.client.Do(r)
	if err != nil || stream.StatusCode != 200 {
		t.Fatalf("the stream: %v, %v", stream, err)
	}
	defer stream.Body.Close()
	if _, err := io.ReadFull(stream.Body, make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	bob.open(h.admin + "/leases")
	bob.has("main", "1 active")
	bob.click("td.act a")
	bob.click("form[action='/revoke'] button")
	bob.has("main", "0 active")
	if _, err := io.Copy(io.Discard, stream.Body); err == nil {
		t.Error("the stream ended as if it were whole")
	}
	bob.click(".panic")
	bob.has("h1", "Stop everything?")
	bob.shoot("panic")
	bob.types("#reason", "a test of the alarm")
	bob.click("button.stop") // not yet: it must be ticked
	bob.has("h1", "Stop everything?")
	bob.click("[name=sure]")
	bob.click("button.stop")
	bob.has(".bars", "Everybody may not use any credential")
	if got := <-h.asks(erinClient, "/v1/refunds", "{}"); got.status != 403 || !strings.Contains(got.body, "a test of the alarm") {
		t.Errorf("behind the bar: %d %s", got.status, got.body)
	}
}

// TestPageRefuses shows the requester's own human no form, and takes no answer
// from them either.
func TestPageRefuses(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	alice := h.enters(t, "alice")
	held := h.asks(aliceClient, "/v1/refunds", `{"amount": 1}`)
	alice.has(".inbox", "nobody answers their own question")
	alice.click(".inbox h2 a")
	alice.has(".obstacle", "nobody answers their own question")
	// by hand, what a form would send
	seen := h.question(t).Seen
	evaluate[chromedp.Void](alice, `{
		const f = document.createElement("form");
		f.method = "post";
		f.action = location.pathname;
		for (const [name, value] of Object.entries({token: document.querySelector("[name=token]").value, answer: "approve", scope: "operation", seen: "`+seen+`"})) {
			const i = document.createElement("input");
			i.name = name;
			i.value = value;
			f.append(i);
		}
		document.body.append(f);
		f.submit();
	}`)
	alice.typesPassword("alice")
	alice.has(".problem", "obody answers their own question")
	bob := h.enters(t, "bob")
	bob.click(".inbox h2 a")
	bob.click(".approve button")
	bob.typesPassword("alice") // somebody else's login
	bob.has(".problem", "Somebody else logged in")
	bob.open(h.admin + "/")
	bob.click(".inbox h2 a")
	bob.click(".approve button")
	bob.typesPassword("bob")
	bob.has(".sum", "active")
	if got := <-held; got.status != 200 {
		t.Errorf("approved by another: %d %s", got.status, got.body)
	}
	for user, want := range map[string]string{"dave": "in no group that has a role", "carol": "Inbox"} {
		b := newBrowser(t, user)
		b.open(h.admin + "/")
		b.click("main button")
		b.typesPassword(user)
		b.has("main", want)
	}
}
