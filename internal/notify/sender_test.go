package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"cloakroom/internal/record/recordtest"
	"cloakroom/internal/secret"
)

// TestARealReceiver sends to a server over a socket, which verifies as the
// standard's own library does.
func TestARealReceiver(t *testing.T) {
	judge, err := standardwebhooks.NewWebhookRaw(rawKey)
	if err != nil {
		t.Fatal(err)
	}
	came := make(chan error, 2)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil && r.Header.Get("content-type") != "application/json" {
			err = errors.New("it is no JSON")
		}
		if err == nil && r.URL.Path == "/signed" {
			err = judge.Verify(body, r.Header)
		} else if err == nil && (r.Header.Get("webhook-signature") != "" || !bytes.Contains(body, []byte(`"blocks"`))) {
			err = errors.New("it is signed with no key, or no message")
		}
		came <- err
	}))
	defer server.Close()
	signed, slack := destination(), Destination{Name: "slack", Form: Slack, URL: text(server.URL + "/slack")}
	signed.URL = text(server.URL + "/signed\n")
	s, reports := sender(t, nil, signed, slack)
	s.Send(asked())
	for range 2 {
		if err := <-came; err != nil {
			t.Error(err)
		}
	}
	if err := s.Close(t.Context()); err != nil || len(reports.of(Delivered)) != 2 {
		t.Errorf("closing: %v, reports: %+v", err, reports.all)
	}
}

func TestAFailingReceiverIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := always(500)
		s, reports := sender(t, r, destination())
		s.Send(asked())
		time.Sleep(2 * maxAge)
		came := r.all()
		if len(came) != maxTries || len(reports.of(Retrying)) != maxTries-1 || len(reports.of(GivenUp)) != 1 {
			t.Fatalf("%d tries, reports: %+v", len(came), reports.all)
		}
		for i := 1; i < len(came); i++ {
			pause, full := came[i].at.Sub(came[i-1].at), firstPause<<(i-1)
			if pause < full/2 || pause >= full {
				t.Errorf("pause %d is %v, want half of %v or more, and less than it", i, pause, full)
			}
			if came[i].header.Get("webhook-id") != came[0].header.Get("webhook-id") || !bytes.Equal(came[i].body, came[0].body) {
				t.Errorf("try %d is of another event", i)
			}
			if came[i].header.Get("webhook-timestamp") == came[0].header.Get("webhook-timestamp") {
				t.Errorf("try %d has the first one's time", i)
			}
		}
		if got := reports.of(GivenUp)[0]; got.Cause != "status 500" || got.Attempts != maxTries {
			t.Errorf("%+v", got)
		}
	})
}

func TestWhatAnAnswerMeans(t *testing.T) {
	type answer struct {
		code   int
		header []string
	}
	tests := []struct {
		name   string
		answer answer
		want   Result
		least  time.Duration // until the next try; 0: there is none
	}{
		{"200", answer{200, nil}, Delivered, 0},
		{"204", answer{204, nil}, Delivered, 0},
		{"299", answer{299, nil}, Delivered, 0},
		{"a redirect", answer{307, []string{"Location", "https://elsewhere.example.com/"}}, Retrying, 1},
		{"400", answer{400, nil}, Retrying, 1},
		{"404", answer{404, nil}, Retrying, 1},
		{"410", answer{410, nil}, Gone, 0},
		{"wait, in seconds", answer{429, []string{"Retry-After", "120"}}, Retrying, 120 * time.Second},
		{"wait, until a date", answer{503, []string{"Retry-After", time.Date(2000, 1, 1, 0, 10, 0, 0, time.UTC).Format(http.TimeFormat)}}, Retrying, 10 * time.Minute},
		{"wait less than a pause", answer{503, []string{"Retry-After", "1"}}, Retrying, firstPause / 2},
		{"wait longer than an event lives", answer{503, []string{"Retry-After", "4000000000"}}, GivenUp, 0},
		{"wait for centuries", answer{503, []string{"Retry-After", "18446744074"}}, Retrying, firstPause / 2},
		{"wait for less than nothing", answer{503, []string{"Retry-After", "-99999999999"}}, Retrying, firstPause / 2},
		{"wait for nonsense", answer{503, []string{"Retry-After", "soon"}}, Retrying, firstPause / 2},
		{"wait until a date that is past", answer{503, []string{"Retry-After", time.Unix(0, 0).UTC().Format(http.TimeFormat)}}, Retrying, firstPause / 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // whose clock begins on 1 January 2000
				r := &receiver{answer: func(n int, _ *http.Request) (*http.Response, error) {
					if n > 0 {
						return status(200), nil
					}
					return status(tt.answer.code, tt.answer.header...), nil
				}}
				s, reports := sender(t, r, destination())
				s.Send(asked())
				time.Sleep(2 * maxAge)
				came := r.all()
				if len(reports.of(tt.want)) != 1 || (len(came) == 2) != (tt.least > 0) {
					t.Fatalf("%d tries, reports: %+v", len(came), reports.all)
				}
				if tt.least > 0 && came[1].at.Sub(came[0].at) < tt.least {
					t.Errorf("tried again after %v", came[1].at.Sub(came[0].at))
				}
				for _, c := range came {
					if c.url != came[0].url {
						t.Errorf("it went to %q", c.url)
					}
				}
			})
		})
	}
}

func TestAReceiverThatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := always(410)
		s, reports := sender(t, r, destination())
		for range 3 {
			s.Send(asked())
		}
		time.Sleep(maxAge)
		s.Send(asked())
		time.Sleep(maxAge)
		if len(r.all()) != 1 || len(reports.of(Gone)) != 1 || len(reports.of(Dropped)) != 3 {
			t.Errorf("%d tries, reports: %+v", len(r.all()), reports.all)
		}
	})
}

func TestOneEventHoldsUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{}
		bad := asked()
		bad.Lease = "bad"
		r.answer = func(_ int, req *http.Request) (*http.Response, error) {
			if req.Header.Get("webhook-id") == bad.id() {
				return status(400), nil
			}
			return status(200), nil
		}
		s, reports := sender(t, r, destination())
		s.Send(bad)
		s.Send(asked())
		synctest.Wait()
		if got := reports.of(Delivered); len(got) != 1 || got[0].ID != asked().id() {
			t.Errorf("reports: %+v", reports.all)
		}
	})
}

func TestAReceiverThatAsksForRestGetsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{answer: func(n int, _ *http.Request) (*http.Response, error) {
			if n == 0 {
				return status(429, "Retry-After", "60"), nil
			}
			return status(200), nil
		}}
		s, _ := sender(t, r, destination())
		s.Send(asked())
		time.Sleep(time.Second)
		other := asked()
		other.Lease = "other"
		s.Send(other)
		time.Sleep(maxAge)
		if came := r.all(); len(came) != 3 || came[1].at.Sub(came[0].at) < time.Minute {
			t.Errorf("it was called again too early, or not: %d tries", len(came))
		}
	})
}

func TestSendNeverWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{answer: func(_ int, req *http.Request) (*http.Response, error) {
			<-req.Context().Done() // it never answers
			return nil, req.Context().Err()
		}}
		s, reports := sender(t, r, destination())
		s.Send(asked())
		synctest.Wait()
		began := time.Now()
		for i := range 3 * maxWaiting {
			e := asked()
			e.Lease = fmt.Sprint(i)
			s.Send(e)
			time.Sleep(time.Millisecond)
		}
		if took := time.Since(began); took != 3*maxWaiting*time.Millisecond { // the clock stands still while nobody sleeps
			t.Errorf("it took %v", took)
		}
		dropped := reports.of(Dropped)
		first := asked()
		first.Lease = "0"
		if len(dropped) != 2*maxWaiting || dropped[0].ID != first.id() {
			t.Errorf("%d dropped, first %+v", len(dropped), dropped[0])
		}
		time.Sleep(timeout + time.Second)
		if got := reports.of(Retrying); len(got) == 0 || got[0].Cause != "no answer in time" {
			t.Errorf("reports: %+v", got)
		}
	})
}

func TestALapsedQuestionIsNotAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := always(500)
		s, reports := sender(t, r, destination())
		e := asked()
		e.Expires = time.Now().Add(30 * time.Second)
		s.Send(e)
		e.Type = Answered // which is news later too
		s.Send(e)
		time.Sleep(maxAge)
		if got := reports.of(Expired); len(got) != 1 || got[0].Type != Asked || len(reports.of(GivenUp)) != 1 {
			t.Errorf("reports: %+v", reports.all)
		}
		for _, c := range r.all() {
			if bytes.Contains(c.body, []byte(Asked)) && !c.at.Before(e.Expires) {
				t.Error("it was asked after its end")
			}
		}
	})
}

func TestWhoWantsWhat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all, some := destination(), destination()
		some.Name, some.Events = "some", []Type{Revoked, Stolen}
		s, reports := sender(t, always(200), all, some)
		for _, e := range Types {
			s.Send(Event{Type: e, Lease: "l"})
		}
		synctest.Wait()
		count := map[string]int{}
		for _, r := range reports.of(Delivered) {
			count[r.Destination]++
		}
		if count["oncall"] != len(Types) || count["some"] != 2 {
			t.Errorf("%v", count)
		}
	})
}

func TestWhatCannotBeWrittenIsReported(t *testing.T) {
	e := asked()
	e.Time = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
	s, reports := sender(t, always(200), destination())
	s.Send(e)
	if got := reports.of(Malformed); len(got) != 1 || got[0].ID == "" {
		t.Errorf("%+v", reports.all)
	}
}

func TestClose(t *testing.T) {
	t.Run("tries what is new, not what failed", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := always(500)
			s, reports := sender(t, r, destination())
			s.Send(asked())
			synctest.Wait()
			for i := range 5 {
				e := asked()
				e.Lease = fmt.Sprint(i)
				s.Send(e)
			}
			if err := s.Close(t.Context()); err != nil || len(r.all()) != 6 {
				t.Errorf("%v after %d tries", err, len(r.all()))
			}
			s.Send(asked())
			if got := len(reports.of(Dropped)); got != 7 {
				t.Errorf("%d dropped, reports: %+v", got, reports.all)
			}
		})
	})
	t.Run("ends in time", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := &receiver{answer: func(_ int, req *http.Request) (*http.Response, error) {
				<-req.Context().Done()
				return nil, req.Context().Err()
			}}
			s, reports := sender(t, r, destination())
			s.Send(asked())
			s.Send(asked())
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			began := time.Now()
			if err := s.Close(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
				t.Errorf("%v after %v", err, time.Since(began))
			}
			if got := len(reports.of(Dropped)); got != 2 {
				t.Errorf("reports: %+v", reports.all)
			}
		})
	})
}

// TestAReportSaysWhyAndNotWhere fails in every way, with the URL in the error.
func TestAReportSaysWhyAndNotWhere(t *testing.T) {
	for want, err := range map[string]error{
		"no answer in time":              context.DeadlineExceeded,
		"its name does not resolve":      &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: canary, IsNotFound: true}},
		"its certificate is not trusted": &tls.CertificateVerificationError{Err: errors.New(canary)},
		"the connection failed":          errors.New("parsing " + canary),
	} {
		synctest.Test(t, func(t *testing.T) {
			r := &receiver{answer: func(_ int, req *http.Request) (*http.Response, error) {
				return nil, &url.Error{Op: "Post", URL: req.URL.String(), Err: err}
			}}
			s, reports := sender(t, r, destination())
			s.Send(asked())
			synctest.Wait()
			got := reports.of(Retrying)
			if len(got) != 1 || got[0].Cause != want || strings.Contains(fmt.Sprintf("%+v", got), canary) {
				t.Errorf("want %q: %+v", want, got)
			}
		})
	}
}

// TestURLAndSecretAreReadAnew changes the secret after the first try, and the URL
// after the second.
func TestURLAndSecretAreReadAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var round atomic.Int32
		r := &receiver{answer: func(int, *http.Request) (*http.Response, error) { round.Add(1); return status(500), nil }}
		d, other := destination(), []byte(strings.Repeat("other-key", 4))
		first := d.Secret
		d.Secret = func() (secret.Value, error) {
			if round.Load() > 0 {
				return secret.New(base64.StdEncoding.AppendEncode(nil, other)), nil
			}
			return first()
		}
		d.URL = func() (secret.Value, error) {
			if round.Load() > 1 {
				return secret.New([]byte("http://not-allowed.example.com/")), nil
			}
			return secret.New([]byte("https://a.example.com/")), nil
		}
		s, reports := sender(t, r, d)
		s.Send(asked())
		time.Sleep(maxAge)
		came := r.all()
		if got := reports.of(GivenUp); len(came) != 2 || len(got) != 1 || got[0].Cause != "its URL cannot be used" {
			t.Fatalf("%d tries, %+v", len(came), got)
		}
		for i, key := range [][]byte{rawKey, other} {
			judge, err := standardwebhooks.NewWebhookRaw(key)
			if err != nil {
				t.Fatal(err)
			}
			if err := judge.VerifyIgnoringTimestamp(came[i].body, came[i].header); err != nil {
				t.Errorf("try %d: %v", i, err)
			}
			if err := judge.VerifyIgnoringTimestamp(came[1-i].body, came[1-i].header); err == nil {
				t.Errorf("try %d is signed with the other key", 1-i)
			}
		}
	})
}

func TestNewSenderRefuses(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Destination)
		want   string // empty: it is taken
	}{
		{"nothing", func(*Destination) {}, ""},
		{"no name", func(d *Destination) { d.Name = "" }, "no name"},
		{"no URL", func(d *Destination) { d.URL = nil }, "no URL"},
		{"no form", func(d *Destination) { d.Form = "" }, "form"},
		{"no secret", func(d *Destination) { d.Secret = nil }, "no secret"},
		{"a short secret", func(d *Destination) { d.Secret = text("whsec_" + "Y2FuYXJ5LTdacTJMa1c=") }, "24 to 64"},
		{"a secret that is no base64", func(d *Destination) { d.Secret = text(canary + canary) }, "whsec_"},
		{"an unknown event", func(d *Destination) { d.Events = []Type{Asked, "approval.*"} }, "no event"},
		{"no https", func(d *Destination) { d.URL = text("http://a.example.com/" + canary) }, "not https"},
		{"no https, on purpose", func(d *Destination) { d.URL = text("http://a.example.com/"); d.Plaintext = true }, ""},
		{"no https, on this machine", func(d *Destination) { d.URL = text("http://[::1]:80/") }, ""},
		{"no https, and a name that looks so", func(d *Destination) { d.URL = text("http://127.0.0.1.example.com/" + canary) }, "not https"},
		{"a user", func(d *Destination) { d.URL = text("https://u:" + canary + "@a.example.com/") }, "user"},
		{"no URL in it", func(d *Destination) { d.URL = text("https:" + canary) }, "its URL is none"},
		{"a broken URL", func(d *Destination) { d.URL = text("https://a/%zz" + canary) }, "its URL is none"},
		{"another scheme", func(d *Destination) { d.URL = text("file://a/" + canary) }, "not https"},
		{"no value", func(d *Destination) {
			d.URL = func() (secret.Value, error) { return secret.Value{}, secret.ErrUnset }
		}, "not set"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := destination()
			tt.change(&d)
			s, err := NewSender(Options{Destinations: []Destination{d}, Masker: recordtest.Masker(t), Report: func(Report) {}})
			if err == nil {
				if err := s.Close(t.Context()); err != nil {
					t.Error(err)
				}
			}
			if (err == nil) != (tt.want == "") || err != nil && (!strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), canary)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	for name, o := range map[string]Options{
		"no masker":       {Report: func(Report) {}},
		"no report":       {Masker: recordtest.Masker(t)},
		"two of the name": {Masker: recordtest.Masker(t), Report: func(Report) {}, Destinations: []Destination{destination(), destination()}},
	} {
		if _, err := NewSender(o); err == nil {
			t.Errorf("%s: it was made", name)
		}
	}
}
