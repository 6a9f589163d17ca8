package main

import (
	"context"
	"net/http"
	"reflect"
	"sync/atomic"
	"time"

	"cloakroom/internal/config"
	"cloakroom/internal/identity"
	"cloakroom/internal/notify"
	"cloakroom/internal/secret"
)

// noticeTime is how long telling what is still to be told may take at the end.
const noticeTime = 5 * time.Second

// notices tells people elsewhere what waits for them and what became of it, and
// takes the clicks that come back from Slack, as the configuration in force says.
type notices struct {
	s       *service
	current atomic.Pointer[receivers]
	asked   announced
	thefts  recent
}

// receivers are what one configuration names.
type receivers struct {
	config *config.Config
	sender *notify.Sender
	clicks *notify.SlackClicks // nil: nobody answers from Slack
}

func (s *service) openNotices(cfg *config.Config) (*notices, error) {
	n := &notices{s: s}
	r, err := n.prepare(cfg)
	if err != nil {
		return nil, err
	}
	n.current.Store(r)
	return n, nil
}

// prepare makes the receivers of a configuration: those in force, where nothing
// about them changed.
func (n *notices) prepare(cfg *config.Config) (*receivers, error) {
	if was := n.current.Load(); was != nil && reflect.DeepEqual(was.config.Webhooks, cfg.Webhooks) && reflect.DeepEqual(was.config.Slack, cfg.Slack) {
		return was, nil
	}
	r := &receivers{config: cfg}
	var err error
	if r.sender, err = notify.NewSender(notify.Options{Destinations: destinations(cfg), Masker: masker{n.s}, Report: n.report}); err != nil {
		return nil, err
	}
	if cfg.Slack == nil {
		return r, nil
	}
	people := map[string]string{}
	for _, p := range cfg.Slack.People {
		people[p.ID] = identity.Person(p.Person)
	}
	r.clicks, err = notify.NewSlackClicks(notify.SlackOptions{
		SigningSecret: cfg.Slack.SigningSecret.Read, Teams: cfg.Slack.Teams, People: people,
		Answer: n.clicked, Masker: masker{n.s}, Report: func(cause string, err error) {
			n.s.logger.Warn("a click in Slack came to nothing", "cause", cause, "error", err)
		},
	})
	if err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

func destinations(cfg *config.Config) (all []notify.Destination) {
	for _, w := range cfg.Webhooks {
		d := notify.Destination{Name: w.Name, Form: notify.Form(w.Form), Plaintext: w.Plaintext,
			URL: func() (secret.Value, error) { return w.URL, nil }}
		if w.URLSource != nil {
			d.URL = w.URLSource.Read
		}
		if w.Secret != nil {
			d.Secret = w.Secret.Read
		}
		for _, e := range w.Events {
			d.Events = append(d.Events, notify.Type(e))
		}
		all = append(all, d)
	}
	return all
}

// swap puts receivers in force. What waits in the old ones is tried once more.
func (n *notices) swap(r *receivers) {
	if was := n.current.Swap(r); was != r {
		go was.close()
	}
}

// discard ends receivers that did not come into force.
func (n *notices) discard(r *receivers) {
	if r != n.current.Load() {
		r.close()
	}
}

func (r *receivers) close() {
	ctx, cancel := context.WithTimeout(context.Background(), noticeTime)
	defer cancel()
	// what is not sent is reported one by one
	_ = r.sender.Close(ctx)
	if r.clicks != nil {
		_ = r.clicks.Close(ctx)
	}
}

func (n *notices) close() { n.current.Load().close() }

func (n *notices) report(r notify.Report) {
	n.s.metrics.WebhookSent(string(r.Result))
	fields := []any{"webhook", r.Destination, "event", r.Type, "id", r.ID, "result", r.Result, "cause", r.Cause, "attempts", r.Attempts}
	if r.Result == notify.Delivered {
		n.s.logger.Debug("an event was delivered", fields...)
		return
	}
	n.s.logger.Warn("an event was not delivered", fields...)
}

// ServeHTTP takes what Slack sends.
func (n *notices) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	clicks := n.current.Load().clicks
	if clicks == nil {
		http.NotFound(w, r)
		return
	}
	clicks.ServeHTTP(w, r)
}
