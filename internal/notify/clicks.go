package notify

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"cloakroom/internal/secret"
)

const (
	maxClick   = 64 << 10         // bytes of a request of Slack's
	answerTime = 20 * time.Second // for an answer, and for telling of it
	maxClicks  = 16               // being answered at once

	forgedPause  = 10 * time.Second // between reports of requests that are not Slack's
	forgedAtOnce = 10               // of them without a pause
)

// SlackAnswer is one click on a button by a known person.
type SlackAnswer struct {
	Lease   string // the id of the pending lease
	Seen    string // Event.Seen of the message that the button was in
	Person  string // as SlackOptions.People has it
	User    string // Slack's id of the person
	Approve bool   // the operation that was shown, and nothing wider
}

// SlackReply is what the people in Slack are told.
type SlackReply struct {
	Message string // a sentence
	// Done tells that the question needs no more answers: Message takes the place
	// of the question and its buttons, for everybody. Else only who clicked sees it.
	Done bool
}

// SlackOptions are what SlackClicks needs. All are required but Transport.
type SlackOptions struct {
	SigningSecret func() (secret.Value, error) // of the Slack app, read anew for every request
	Teams         []string                     // ids of workspaces ("T…"): a user's id is good within its own only
	People        map[string]string            // Slack's user id → access.Principal.Person
	// Answer takes an answer. Its error is reported, and shown to nobody: a
	// refusal that the person should understand is a SlackReply.
	Answer    func(context.Context, SlackAnswer) (SlackReply, error)
	Masker    Masker
	Report    func(cause string, err error) // why a click came to nothing, for the log; err may be nil
	Transport http.RoundTripper             // nil: net/http's own
}

// SlackClicks takes what Slack sends when somebody clicks on a button: POST, to
// the address that the Slack app names under "Interactivity". It answers 200
// with an empty body at once, as Slack wants it within three seconds and shows
// nothing of it, and tells what came of it through the click's response_url.
//
// A request counts once in this process; the desk sees to it that a person
// answers once in all.
type SlackClicks struct {
	o      SlackOptions
	client *http.Client
	room   chan struct{}
	forged *rate.Limiter // of reports about requests that are not Slack's
	under  sync.WaitGroup

	mu     sync.Mutex
	closed bool
	seen   map[[sha256.Size]byte]time.Time // MAC of a request → when it is too old to count
}

// NewSlackClicks makes the handler.
func NewSlackClicks(o SlackOptions) (*SlackClicks, error) {
	if o.SigningSecret == nil || o.Answer == nil || o.Masker == nil || o.Report == nil || len(o.Teams) == 0 || len(o.People) == 0 {
		return nil, errors.New("making handler of Slack's buttons: a dependency is missing")
	}
	if v, err := o.SigningSecret(); err != nil || v.IsZero() {
		return nil, errors.New("making handler of Slack's buttons: reading the signing secret: there is none")
	}
	return &SlackClicks{o: o, client: newClient(o.Transport), room: make(chan struct{}, maxClicks),
		forged: rate.NewLimiter(rate.Every(forgedPause), forgedAtOnce), seen: map[[sha256.Size]byte]time.Time{}}, nil
}

// ServeHTTP implements http.Handler. 401: the signature is not Slack's, or old;
// 400: no click of ours; 413: too long; 503: too many at once.
func (s *SlackClicks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("cache-control", "no-store")
	if r.Method != http.MethodPost {
		w.Header().Set("allow", http.MethodPost)
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxClick))
	if err != nil {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	}
	mac, err := s.verify(r.Header, body, time.Now())
	if err != nil {
		if s.forged.Allow() { // anybody can send one: they fill no log
			s.o.Report("its signature is not Slack's", err)
		}
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	c, err := parseClick(body)
	if err != nil {
		s.o.Report("it is none", err)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	w.WriteHeader(s.take(c, mac))
}

// take starts to answer a click, unless it is a link's or was answered. It
// returns the status for Slack.
func (s *SlackClicks) take(c click, mac [sha256.Size]byte) int {
	if c.Action == actionOpen {
		return http.StatusOK
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, again := s.seen[mac]; again {
		return http.StatusOK
	}
	if s.closed {
		return http.StatusServiceUnavailable
	}
	select {
	case s.room <- struct{}{}:
	default:
		return http.StatusServiceUnavailable
	}
	s.remember(mac, time.Now())
	s.under.Go(func() {
		defer func() { <-s.room }()
		s.answer(c)
	})
	return http.StatusOK
}

func (s *SlackClicks) remember(mac [sha256.Size]byte, now time.Time) {
	for old, until := range s.seen {
		if now.After(until) {
			delete(s.seen, old)
		}
	}
	s.seen[mac] = now.Add(2 * clockSkew)
}

// Close waits for the clicks that are being answered, until ctx ends. Later ones
// get a 503.
func (s *SlackClicks) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	done := make(chan struct{})
	go func() { s.under.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
