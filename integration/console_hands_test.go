package integration

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestPageKeyboard approves without a mouse.
func TestPageKeyboard(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := newBrowser(t, "alice")
	b.open(h.admin + "/")
	b.tabTo("main button")
	b.press(kb.Enter)
	b.do(chromedp.WaitVisible(chromedp.CSS("#password")), chromedp.SetValue(chromedp.CSS("#user"), "alice"), chromedp.Focus(chromedp.CSS("#password")))
	b.press("demo" + kb.Enter)
	b.has("h1", "Inbox")
	held := h.asks(erinClient, "/v1/refunds", `{"amount": 1}`)
	other := h.asks(erinClient, "/v1/refunds/2", `{"amount": 2}`)
	b.has(".sum", "2 questions wait")
	b.tabTo(".inbox h2 a")
	b.press(kb.ArrowDown)
	b.press(kb.ArrowUp)
	b.press(kb.Enter)
	b.has("h1", "May erins use pay?")
	b.tabTo("[name=scope]")
	b.press(kb.ArrowDown) // the path, not only this request
	b.tabTo(".approve button")
	b.press(kb.Enter)
	b.do(chromedp.WaitVisible(chromedp.CSS("#password")), chromedp.SetValue(chromedp.CSS("#user"), "alice"), chromedp.Focus(chromedp.CSS("#password")))
	b.press("demo" + kb.Enter)
	b.has("main", "any query and body")
	select {
	case got := <-held:
		if got.status != 200 {
			t.Errorf("%d %s", got.status, got.body)
		}
	case got := <-other:
		if got.status != 200 {
			t.Errorf("%d %s", got.status, got.body)
		}
	}
}

// TestPageWithoutScripts denies where no script runs.
func TestPageWithoutScripts(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := newBrowser(t, "bob")
	b.do(func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return chromedp.Void{}, err
	})
	held := h.asks(erinClient, "/v1/refunds", `{"amount": 3}`)
	b.open(h.admin + "/")
	b.click("main button")
	b.typesPassword("bob")
	b.has("h1", "Inbox")
	h.eventually("the question is in the inbox", func() bool {
		b.open(h.admin + "/")
		return strings.Contains(b.text(".sum"), "1 question waits")
	})
	if again := evaluate[string](b, `document.querySelector("noscript meta[http-equiv=refresh]")?.content ?? ""`); again != "15; url=/?refresh" {
		t.Errorf("the inbox asks anew: %q", again)
	}
	b.click(".inbox h2 a")
	b.click(".deny button") // it needs a reason
	b.types("#reason", "No.")
	b.click(".deny button")
	b.typesPassword("bob")
	b.has("h1", "Deny this?") // no script tells that it began in this tab
	b.click("form[action$='/confirm'] button")
	b.has(".sum", "denied")
	if got := <-held; got.status != 403 || !strings.Contains(got.body, "No.") {
		t.Errorf("the agent got %d %s", got.status, got.body)
	}
}

// tabTo presses Tab until an element that matches has the focus.
func (b *browser) tabTo(selector string) {
	b.t.Helper()
	for range 60 {
		b.press(kb.Tab)
		if evaluate[bool](b, fmt.Sprintf(`document.activeElement.matches(%q)`, selector)) {
			return
		}
	}
	b.t.Fatalf("%s's browser: Tab does not come to %s", b.name, selector)
}
