package console

import (
	"crypto/subtle"
	"net"
	"net/http"
	"net/url"
	"strings"
)

const (
	maxBody = 64 << 10 // bytes of a request's body
	maxText = 500      // bytes of a reason, as the desk takes it
	// liveHeader is on what a page's script asks for by itself.
	liveHeader = "x-cloakroom-live"
	// formToken is the form field that holds session.Token.
	formToken = "token"
)

// policy lets a page load its own style, script and icons, send its forms here,
// and nothing else. An issuer need not be in form-action, since no form's answer
// redirects there (see leave).
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; " +
	"frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; trusted-types cloakroom"

// guard is around everything that the console serves.
func (c *Console) guard(next http.Handler) http.Handler {
	crossOrigin := http.NewCrossOriginProtection()
	crossOrigin.SetDenyHandler(c.anybody(func(http.ResponseWriter, *http.Request) error { return errCrossOrigin }))
	next = crossOrigin.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("content-security-policy", policy)
		h.Set("x-content-type-options", "nosniff")
		// With no-referrer a browser would send "Origin: null" with our own forms.
		h.Set("referrer-policy", "same-origin")
		h.Set("cross-origin-opener-policy", "same-origin")
		h.Set("cross-origin-resource-policy", "same-origin")
		h.Set("permissions-policy", "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()")
		h.Set("x-frame-options", "DENY")
		h.Set("cache-control", "no-store")
		if !c.here(r.Host) {
			c.elsewhere(w, r)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		next.ServeHTTP(w, r)
	})
}

// here tells whether host is the one in the console's URL: a name that somebody
// else pointed at this address is not.
func (c *Console) here(host string) bool {
	return withPort(c.URL.Scheme, host) == withPort(c.URL.Scheme, c.URL.Host)
}

// elsewhere refuses what came by another name, but leads whoever took another
// name of loopback to ours.
func (c *Console) elsewhere(w http.ResponseWriter, r *http.Request) {
	name, port, _ := net.SplitHostPort(r.Host)
	if r.Method == http.MethodGet && port == c.URL.Port() && isLoopback(name) && isLoopback(c.URL.Hostname()) {
		http.Redirect(w, r, c.URL.Scheme+"://"+c.URL.Host+r.URL.RequestURI(), http.StatusTemporaryRedirect)
		return
	}
	c.fail(w, r, errHost)
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func withPort(scheme, host string) string {
	host = strings.ToLower(host)
	if _, _, err := net.SplitHostPort(host); err == nil {
		return host
	}
	if scheme == "https" {
		return host + ":443"
	}
	return host + ":80"
}

// handler answers, or returns why it did not: then nothing is written yet.
type handler func(w http.ResponseWriter, r *http.Request) error

// visited is a handler for people with a session and a role.
type visited func(w http.ResponseWriter, r *http.Request, v visit) error

func (c *Console) anybody(h handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			c.fail(w, r, err)
		}
	}
}

// visitors lets in who has a session and a role; what changes something needs
// the session's token too.
func (c *Console) visitors(h visited) http.HandlerFunc {
	return c.anybody(func(w http.ResponseWriter, r *http.Request) error {
		s, ok := c.sessionOf(r)
		switch {
		case !ok && r.Method == http.MethodGet && !byItself(r):
			http.Redirect(w, r, "/login?to="+url.QueryEscape(r.URL.RequestURI()), http.StatusSeeOther)
			return nil
		case !ok:
			return errNoSession
		case r.Method == http.MethodPost && !sameToken(r.PostFormValue(formToken), s.Token):
			return errToken
		}
		v := visit{s, c.Desk.Roles(s.Who)}
		if !v.Roles.Any() && r.URL.Path != "/logout" {
			return errNoRole
		}
		if r.Method == http.MethodGet {
			if err := c.renew(w, r, s); err != nil {
				return err
			}
		}
		return h(w, r, v)
	})
}

func sameToken(got, want string) bool {
	return want != "" && subtle.ConstantTimeCompare([]byte(got), []byte(want)) == 1
}

// within is to, where it is a path of ours, else "/".
func within(to string) string {
	u, err := url.Parse(to)
	if err != nil || u.Scheme != "" || u.Host != "" || u.Opaque != "" || !strings.HasPrefix(u.Path, "/") ||
		strings.HasPrefix(u.Path, "//") || strings.Contains(to, `\`) || strings.HasPrefix(u.Path, "/log") {
		return "/"
	}
	return u.RequestURI()
}
