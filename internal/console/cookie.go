package console

import (
	"fmt"
	"net/http"
	"time"
)

// maxCookie is what browsers keep of one cookie, in bytes, name included.
const maxCookie = 4096

// A cookie's name by what it is for. Where people come by https the browser
// itself sees to it that no other host sets one (RFC 6265bis §4.1.3).
const (
	sessionCookie = "cloakroom"
	flowCookie    = "cloakroom-login"
)

func (c *Console) cookieName(name string) string {
	if c.URL.Scheme == "https" {
		return "__Host-" + name
	}
	return name + "-" + c.URL.Port() // cookies know no ports, and loopback has many
}

// cookie is Lax, not Strict: people come from the issuer and from links in a
// chat. No GET changes anything but the callback, which asks for its own cookie.
func (c *Console) cookie(name, value string) *http.Cookie {
	return &http.Cookie{Name: c.cookieName(name), Value: value, Path: "/",
		Secure: c.URL.Scheme == "https", HttpOnly: true, SameSite: http.SameSiteLaxMode}
}

// keep seals v into a cookie that the browser keeps for so long.
func (c *Console) keep(w http.ResponseWriter, name, purpose string, v any, age time.Duration) error {
	text, err := c.sealer.seal(purpose, v)
	if err != nil {
		return fmt.Errorf("sealing a cookie: %w", err)
	}
	k := c.cookie(name, text)
	k.MaxAge = int(age / time.Second)
	if len(k.Name)+len(text) > maxCookie {
		return errTooLarge
	}
	http.SetCookie(w, k)
	return nil
}

func (c *Console) drop(w http.ResponseWriter, name string) {
	k := c.cookie(name, "")
	k.MaxAge = -1
	http.SetCookie(w, k)
}

// kept reads what keep sealed, false if there is none or it is not ours.
func (c *Console) kept(r *http.Request, name, purpose string, v any) bool {
	// Of two of one name, one is not ours.
	all := r.CookiesNamed(c.cookieName(name))
	return len(all) == 1 && c.sealer.open(purpose, all[0].Value, v) == nil
}
