package notify

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"

	"cloakroom/internal/secret"
)

// Form is how an event is written. The zero value is none.
type Form string

// The forms of an event.
const (
	JSON  Form = "json"
	Slack Form = "slack" // blocks, as an incoming webhook and chat.postMessage take them
)

// Destination is one receiver of events.
type Destination struct {
	Name string // in errors and reports
	// URL is read anew for every attempt. It is https, or http to this machine,
	// and holds no user.
	URL func() (secret.Value, error)
	// Secret is "whsec_" and base64, read anew for every attempt. The form
	// "slack" may do without: nil.
	Secret    func() (secret.Value, error)
	Form      Form
	Events    []Type // empty: all
	Plaintext bool   // http to any host
}

// check tells what is wrong with a destination, without its URL and secret.
func (d Destination) check() error {
	switch {
	case d.Name == "" || d.URL == nil:
		return errors.New("it has no name or no URL")
	case d.Form != JSON && d.Form != Slack:
		return errors.New(`its form is neither "json" nor "slack"`)
	case d.Form == JSON && d.Secret == nil:
		return errors.New("it has no secret to sign with")
	}
	for _, t := range d.Events {
		if !slices.Contains(Types, t) {
			return fmt.Errorf("there is no event %q", t)
		}
	}
	if _, err := d.address(); err != nil {
		return err
	}
	_, err := d.key()
	return err
}

// wants tells whether events of a type go to d.
func (d Destination) wants(t Type) bool { return len(d.Events) == 0 || slices.Contains(d.Events, t) }

func (d Destination) write(s shown) ([]byte, error) {
	if d.Form == Slack {
		return s.slack()
	}
	return s.encode()
}

// address reads the URL. Its errors hold nothing of it.
func (d Destination) address() (*url.URL, error) {
	v, err := d.URL()
	if err != nil {
		return nil, fmt.Errorf("reading its URL: %w", err)
	}
	u, err := url.Parse(string(bytes.TrimSpace(v.Reveal())))
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		return nil, errors.New("its URL is none")
	case u.User != nil:
		return nil, errors.New("its URL holds a user")
	case u.Scheme == "https" || u.Scheme == "http" && (d.Plaintext || loopback(u.Hostname())):
		return u, nil
	}
	return nil, errors.New("its URL is not https, and neither leads to this machine nor is plaintext allowed")
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// key reads the secret; nil: there is none to sign with.
func (d Destination) key() ([]byte, error) {
	if d.Secret == nil {
		return nil, nil
	}
	v, err := d.Secret()
	if err != nil {
		return nil, fmt.Errorf("reading its secret: %w", err)
	}
	key, err := signingKey(v)
	if err != nil {
		return nil, fmt.Errorf("reading its secret: %w", err)
	}
	return key, nil
}
