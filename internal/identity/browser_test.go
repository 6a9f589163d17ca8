package identity

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// redirect is where the provider sends people back to; nobody listens there.
const redirect = "http://127.0.0.1:1/callback"

// browser is a person's: it follows redirects, keeps cookies, and stops before
// it comes back from the provider.
type browser struct {
	http.Client
	asked int // login forms seen
}

func newBrowser() *browser {
	jar, _ := cookiejar.New(nil)
	b := &browser{}
	b.Jar = jar
	b.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), redirect) {
			return http.ErrUseLastResponse
		}
		return nil
	}
	return b
}

var hiddenID = regexp.MustCompile(`name="id" value="(\w+)"`)

// login goes where a Login sends it, types a name and a password if it is asked
// for them, and returns the query with which it would come back.
func (b *browser) login(t *testing.T, at, user, password string) url.Values {
	t.Helper()
	resp, err := b.Get(at)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	if id := hiddenID.FindSubmatch(body); id != nil {
		b.asked++
		form := resp.Request.URL
		if resp, err = b.PostForm(form.String(), url.Values{"id": {string(id[1])}, "user": {user}, "password": {password}}); err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	back, err := url.Parse(resp.Header.Get("Location"))
	if err != nil || !strings.HasPrefix(back.String(), redirect) {
		t.Fatalf("answered %s, location %q, and not sent back", resp.Status, back)
	}
	return back.Query()
}
