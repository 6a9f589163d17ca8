package integration

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// browser is one person's headless Chromium, with a profile of its own.
type browser struct {
	t    *testing.T
	ctx  context.Context
	name string

	mu   sync.Mutex
	said []string // to its console, by pages and by Chromium itself
}

// chromium looks where Debian and others put it.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("no Chromium: apt-get install chromium")
	return ""
}

// newBrowser starts one, which ends with the test.
func newBrowser(t *testing.T, name string) *browser {
	t.Helper()
	dir, err := os.MkdirTemp("", "chromium")
	if err != nil {
		t.Fatal(err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(chromium(t)), chromedp.UserDataDir(dir), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.WindowSize(1200, 800))
	allocator, end := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, leave := chromedp.NewContext(allocator)
	b := &browser{t: t, ctx: ctx, name: name}
	messages := chromedp.Console(ctx)
	go func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			b.mu.Lock()
			b.said = append(b.said, m.String())
			b.mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		if t.Failed() {
			b.mu.Lock()
			t.Logf("%s's browser said %q", name, b.said)
			b.mu.Unlock()
		}
		leave()
		end()
		os.RemoveAll(dir)
	})
	// Without a time limit: the browser would end with it.
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		t.Fatal(err)
	}
	return b
}

// saidOf are the lines of its console that have a text in them.
func (b *browser) saidOf(text string) (lines []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, line := range b.said {
		if strings.Contains(line, text) {
			lines = append(lines, line)
		}
	}
	return lines
}

// do does what a person would, and gives up where it cannot be done.
func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 60*time.Second)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatalf("%s's browser: %v\n%s", b.name, err, b.text("body"))
	}
}

// evaluate runs a script as the developer's console does, and gives its value.
func evaluate[T any](b *browser, script string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 60*time.Second)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s's browser: %v: %s", b.name, err, script)
	}
	return v
}

func (b *browser) open(url string) { b.t.Helper(); b.do(chromedp.Navigate(url)) }

// click tries again where the page changed between finding and clicking.
func (b *browser) click(selector chromedp.CSS) {
	b.t.Helper()
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(b.ctx, 60*time.Second)
		err := chromedp.Do(ctx, chromedp.WaitVisible(selector), chromedp.Click(selector))
		cancel()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("%s's browser: clicking on %s: %v\n%s", b.name, selector, err, b.text("body"))
		}
	}
}

func (b *browser) types(selector chromedp.CSS, text string) {
	b.t.Helper()
	b.do(chromedp.WaitVisible(selector), chromedp.SendKeys(selector, text))
}

// press presses keys, wherever the focus is.
func (b *browser) press(keys string) { b.t.Helper(); b.do(chromedp.KeyEvent(keys)) }

// text is an element's text, empty where there is none now.
func (b *browser) text(selector string) string {
	ctx, cancel := context.WithTimeout(b.ctx, 5*time.Second)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](fmt.Sprintf(`document.querySelector(%q)?.innerText ?? ""`, selector)))
	if err != nil { // between two pages
		return ""
	}
	return text
}

// has waits until an element has a text in it.
func (b *browser) has(selector, text string) {
	b.t.Helper()
	for deadline := time.Now().Add(60 * time.Second); !strings.Contains(b.text(selector), text); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.t.Fatalf("%s's browser: no %q in %s:\n%s", b.name, text, selector, b.text("body"))
		}
	}
}

// look sets how the page is looked at: in a window, or on a phone.
func (b *browser) look(width, height int64, scheme string) {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(width, height), func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
		return chromedp.Void{}, err
	})
}

// shoot keeps a picture of the page in $SCREENSHOTS, where that is set, else with
// what the run leaves; and looks whether anything overflows.
func (b *browser) shoot(name string) {
	b.t.Helper()
	// before its style is there a page is of any width
	const width = `new Promise((is) => {
		const measured = () => is(document.documentElement.scrollWidth - document.documentElement.clientWidth);
		document.readyState === "complete" ? measured() : addEventListener("load", measured);
	})`
	if over := evaluate[int](b, width); over > 0 {
		b.t.Errorf("%s is %d pixels too wide", name, over)
	}
	ctx, cancel := context.WithTimeout(b.ctx, 60*time.Second)
	defer cancel()
	picture, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.t.Fatal(err)
	}
	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		dir = root
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// cookies are those that it keeps for a URL, hidden ones too.
func (b *browser) cookies(url string) map[string]string {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 60*time.Second)
	defer cancel()
	got, err := chromedp.Call(ctx, network.GetCookies, network.GetCookiesParams{URLs: []string{url}})
	if err != nil {
		b.t.Fatal(err)
	}
	all := make(map[string]string)
	for _, c := range got.Cookies {
		all[c.Name] = c.Value
		if !c.HTTPOnly {
			b.t.Errorf("a script can read the cookie %s", c.Name)
		}
	}
	return all
}

// shown gives what the browser shows to the hunt.
func (b *browser) shown() {
	b.t.Helper()
	page(evaluate[string](b, `document.documentElement.outerHTML`))
}
