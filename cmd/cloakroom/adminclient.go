package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"cloakroom/internal/approval"
	"cloakroom/internal/config"
	"cloakroom/internal/console"
)

// adminClient speaks to the admin listener's API.
type adminClient struct {
	base string // its URL, without a slash at the end
	http *http.Client
}

// newAdminClient finds the admin listener: at the given URL, else where the
// configuration says that it listens, else where people reach it.
func newAdminClient(cfg *config.Config, given string) (*adminClient, error) {
	c := &adminClient{base: strings.TrimSuffix(given, "/"), http: &http.Client{Timeout: 30 * time.Second,
		// a redirect would carry the token elsewhere
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	socket, unix := strings.CutPrefix(cfg.Listen.Admin, "unix://")
	switch {
	case c.base != "":
	case cfg.Admin.URL != "":
		c.base = cfg.Admin.URL
	case unix:
		c.base = "http://localhost"
		c.http.Transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		}}
	default:
		return nil, usageError{hinted{errors.New("nobody knows where the admin listener is"), "give --admin URL, or set admin.url"}}
	}
	u, err := url.Parse(c.base)
	if err != nil || u.Host == "" || u.User != nil {
		return nil, usageError{fmt.Errorf("--admin %q: not a URL", c.base)}
	}
	ip := net.ParseIP(u.Hostname())
	if u.Scheme != "https" && !(u.Scheme == "http" && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback())) {
		return nil, usageError{fmt.Errorf("--admin %q: want https, or http on loopback: it is sent a login", c.base)}
	}
	return c, nil
}

// page is where a question is answered in a browser.
func (c *adminClient) page(id string) string { return c.base + "/approvals/" + url.PathEscape(id) }

// challenge is what a login for an answer must carry.
type challenge struct {
	Challenge string `json:"challenge"`
	Nonce     string `json:"nonce"`
	Issuer    string `json:"issuer"`
	ClientID  string `json:"client_id"`
}

// challenge announces an answer to a question that was shown, and the issuer with
// which the person will log in for it.
func (c *adminClient) challenge(ctx context.Context, q approval.Question, a *answering, issuer string) (out challenge, err error) {
	body := map[string]string{"answer": "deny", "reason": a.reason, "seen": q.Seen, "issuer": issuer}
	if a.approve {
		body = map[string]string{"answer": "approve", "scope": a.scope, "seen": q.Seen, "issuer": issuer}
	}
	err = c.post(ctx, "/api/v1/approvals/"+url.PathEscape(q.ID)+"/challenges", "", body, &out)
	return out, err
}

// fits tells whether the challenge is the one of the service that was asked, and
// not one that it got from another: then the login would be for an answer there.
func (c *adminClient) fits(got challenge) bool {
	u, err := url.Parse(c.base)
	return err == nil && got.Nonce == console.Nonce(u, got.Challenge)
}

// answered is what came of an answer.
type answered struct {
	State   string `json:"state"`   // of the lease
	Message string `json:"message"` // a sentence about where it stands
}

func (c *adminClient) answer(ctx context.Context, id, challenge, idToken string) (out answered, err error) {
	err = c.post(ctx, "/api/v1/approvals/"+url.PathEscape(id)+"/answers", idToken, map[string]string{"challenge": challenge, "via": "cli"}, &out)
	return out, err
}

// errBearer means that the token does not count as a caller's.
var errBearer = errors.New("the admin listener does not take the login")

func (c *adminClient) get(ctx context.Context, path, token string, out any) error {
	return c.ask(ctx, http.MethodGet, path, token, nil, out)
}

func (c *adminClient) post(ctx context.Context, path, token string, body, out any) error {
	return c.ask(ctx, http.MethodPost, path, token, body, out)
}

// ask sends JSON and reads JSON. A refusal is an error with its message.
func (c *adminClient) ask(ctx context.Context, method, path, token string, body, out any) error {
	var sent bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&sent).Encode(body); err != nil {
			return err
		}
	}
	r, err := http.NewRequestWithContext(ctx, method, c.base+path, &sent)
	if err != nil {
		return err
	}
	r.Header.Set("content-type", "application/json")
	if token != "" {
		r.Header.Set("authorization", "Bearer "+token)
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return hinted{fmt.Errorf("asking the admin listener: %w", err), "is the service running? --admin says where"}
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err != nil {
		return fmt.Errorf("reading the admin listener's answer: %w", err)
	}
	if answer.StatusCode/100 != 2 {
		return refusal(answer.StatusCode, text)
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fmt.Errorf("the admin listener answered %d without JSON", answer.StatusCode)
	}
	return nil
}

func refusal(status int, text []byte) error {
	var got struct {
		Error struct{ Code, Message string }
	}
	if err := json.Unmarshal(text, &got); err != nil || got.Error.Message == "" {
		return fmt.Errorf("the admin listener answered %d", status)
	}
	code := exitDenied
	switch {
	case status == http.StatusUnauthorized:
		return coded{fmt.Errorf("%w: %s", errBearer, approval.Plain(got.Error.Message)), code}
	case status >= 500 || status == http.StatusTooManyRequests:
		code = exitFailed
	}
	return coded{fmt.Errorf("%s: %s", approval.Plain(got.Error.Code), approval.Plain(got.Error.Message)), code}
}
