package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// newClient makes a client that follows no redirect: where events go is the
// operator's to say.
func newClient(t http.RoundTripper) *http.Client {
	if t == nil {
		own := http.DefaultTransport.(*http.Transport).Clone()
		own.ResponseHeaderTimeout = timeout
		t = own
	}
	return &http.Client{
		Transport:     t,
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// attempt is how one attempt went.
type attempt struct {
	status int           // of the answer; 0: there was none
	rest   time.Duration // that the receiver asked for; not positive: none
	failed string        // why there was no answer: a fixed text
}

func (a attempt) ok() bool { return a.status >= 200 && a.status <= 299 }

func (a attempt) cause() string {
	if a.failed != "" {
		return a.failed
	}
	return "status " + strconv.Itoa(a.status)
}

// post makes one attempt. The answer's body is not looked at.
func (l *line) post(ctx context.Context, d *delivery) attempt {
	u, err := l.destination.address()
	if err != nil {
		return attempt{failed: "its URL cannot be used"}
	}
	key, err := l.destination.key()
	if err != nil {
		return attempt{failed: "its secret cannot be used"}
	}
	req := newPost(ctx, u, d.body)
	if key != nil {
		sign(req.Header, key, d.id, time.Now(), d.body)
	}
	res, err := l.client.Do(req)
	if err != nil {
		return attempt{failed: failure(err)}
	}
	discard(res.Body)
	return attempt{status: res.StatusCode, rest: retryAfter(res.Header.Get("Retry-After"), time.Now())}
}

func newPost(ctx context.Context, u *url.URL, body []byte) *http.Request {
	req := (&http.Request{
		Method: http.MethodPost, URL: u, Host: u.Host,
		Header:        http.Header{"Content-Type": {"application/json"}, "User-Agent": {"cloakroom"}},
		ContentLength: int64(len(body)),
		Body:          io.NopCloser(bytes.NewReader(body)),
		GetBody:       func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil },
	})
	return req.WithContext(ctx)
}

// discard reads a short body, so that the connection can be used again.
func discard(body io.ReadCloser) {
	_, _ = io.CopyN(io.Discard, body, 16<<10)
	_ = body.Close()
}

// failure says why there was no answer. The error itself may hold the URL.
func failure(err error) string {
	var timedOut interface{ Timeout() bool }
	var name *net.DNSError
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.Is(err, context.Canceled):
		return causeClosing
	case errors.As(err, &certificate):
		return "its certificate is not trusted"
	case errors.As(err, &name):
		return "its name does not resolve"
	case errors.As(err, &timedOut) && timedOut.Timeout():
		return "no answer in time"
	}
	return "the connection failed"
}

// retryAfter reads the header of that name: seconds, or a date (RFC 9110,
// section 10.2.3). What is neither, or past, gives no positive time.
func retryAfter(text string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(text, 10, 32); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return at.Sub(now)
	}
	return 0
}
