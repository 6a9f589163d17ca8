package notify

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cloakroom/internal/record/recordtest"
	"cloakroom/internal/secret"
)

const (
	signingSecret = "8f742231b10e8888abcd99yyyzzz85a5"
	responseURL   = "https://hooks.slack.com/actions/T1/2/3-" + canary
)

// desk stands in for what takes answers.
type desk struct {
	mu      sync.Mutex
	answers []SlackAnswer
	causes  []string
	reply   SlackReply
	err     error
	wait    chan struct{} // nil: not at all
}

func (d *desk) answer(ctx context.Context, a SlackAnswer) (SlackReply, error) {
	d.mu.Lock()
	d.answers = append(d.answers, a)
	d.mu.Unlock()
	if d.wait != nil {
		select {
		case <-d.wait:
		case <-ctx.Done():
			return SlackReply{}, ctx.Err()
		}
	}
	return d.reply, d.err
}

func (d *desk) report(cause string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.causes = append(d.causes, fmt.Sprint(cause, ": ", err))
}

func options(t testing.TB, d *desk, via http.RoundTripper) SlackOptions {
	return SlackOptions{
		SigningSecret: text(signingSecret), Teams: []string{"T0", "T1"}, People: map[string]string{"U1": "alice@example.com"},
		Answer: d.answer, Masker: recordtest.Masker(t, canary), Report: d.report, Transport: via,
	}
}

func clicks(t testing.TB, d *desk, via http.RoundTripper) *SlackClicks {
	t.Helper()
	s, err := NewSlackClicks(options(t, d, via))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// payload is what Slack sends of a click; change may be nil.
func payload(action, value string, change func(map[string]any)) string {
	p := map[string]any{
		"type": "block_actions", "api_app_id": "A1", "trigger_id": "1.2.3", "response_url": responseURL,
		"user": map[string]any{"id": "U1", "username": "alice", "team_id": "T1"}, "team": map[string]any{"id": "T1"},
		"actions": []any{map[string]any{"type": "button", "action_id": action, "block_id": "b", "value": value, "action_ts": "1.2"}},
	}
	if change != nil {
		change(p)
	}
	text, err := json.Marshal(p)
	if err != nil {
		panic(err)
	}
	return url.Values{"payload": {string(text)}}.Encode()
}

func slackSignature(stamp, body string) string {
	mac := hmac.New(sha256.New, []byte(signingSecret))
	mac.Write([]byte("v0:" + stamp + ":" + body))
	return "v0=" + hex.EncodeToString(mac.Sum(nil))
}

// signedRequest is a request as Slack makes it now.
func signedRequest(body string) *http.Request {
	stamp := fmt.Sprint(time.Now().Unix())
	r := httptest.NewRequest("POST", "/slack/actions", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("X-Slack-Request-Timestamp", stamp)
	r.Header.Set("X-Slack-Signature", slackSignature(stamp, body))
	return r
}

func serve(h http.Handler, r *http.Request) int {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Body.Len() != 0 {
		return -1
	}
	return w.Code
}

// TestForgeriesFillNoLog sends what anybody can send.
func TestForgeriesFillNoLog(t *testing.T) {
	d := &desk{}
	s := clicks(t, d, nil)
	for range 1000 {
		if got := serve(s, httptest.NewRequest("POST", "/slack/actions", strings.NewReader("payload=x"))); got != 401 {
			t.Fatalf("status %d", got)
		}
	}
	if n := len(d.causes); n == 0 || n > 2*forgedAtOnce {
		t.Errorf("%d reports", n)
	}
}

// TestSlacksOwnExample is the one of Slack's page on verifying requests.
func TestSlacksOwnExample(t *testing.T) {
	body := "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar" +
		"&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=" +
		"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
	h := http.Header{}
	h.Set("X-Slack-Request-Timestamp", "1531420618")
	h.Set("X-Slack-Signature", "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503")
	s := clicks(t, &desk{}, always(200))
	if _, err := s.verify(h, []byte(body), time.Unix(1531420618, 0)); err != nil {
		t.Error(err)
	}
}

func TestBadSignatures(t *testing.T) {
	now := func(d time.Duration) string { return fmt.Sprint(time.Now().Add(d).Unix()) }
	body := payload(actionApprove, "l1 "+seen, nil)
	sign := func(r *http.Request, stamp string) {
		r.Header.Set("X-Slack-Request-Timestamp", stamp)
		r.Header.Set("X-Slack-Signature", slackSignature(stamp, body))
	}
	tests := []struct {
		name   string
		change func(*http.Request)
		want   int
	}{
		{"good", func(*http.Request) {}, 200},
		{"in capitals", func(r *http.Request) {
			r.Header.Set("X-Slack-Signature", "v0="+strings.ToUpper(r.Header.Get("X-Slack-Signature")[3:]))
		}, 200},
		{"nearly old", func(r *http.Request) { sign(r, now(-clockSkew)) }, 200},
		{"old", func(r *http.Request) { sign(r, now(-clockSkew-time.Second)) }, 401},
		{"nearly too new", func(r *http.Request) { sign(r, now(clockSkew)) }, 200},
		{"too new", func(r *http.Request) { sign(r, now(clockSkew+time.Second)) }, 401},
		{"of a far time", func(r *http.Request) { sign(r, "9223372036854775807") }, 401},
		{"of a far past", func(r *http.Request) { sign(r, "-9223372036854775808") }, 401},
		{"of no time", func(r *http.Request) { sign(r, "now") }, 401},
		{"of another time", func(r *http.Request) { r.Header.Set("X-Slack-Request-Timestamp", now(-time.Second)) }, 401},
		{"no time", func(r *http.Request) { r.Header.Del("X-Slack-Request-Timestamp") }, 401},
		{"two times", func(r *http.Request) { r.Header.Add("X-Slack-Request-Timestamp", now(0)) }, 401},
		{"no signature", func(r *http.Request) { r.Header.Del("X-Slack-Signature") }, 401},
		{"an empty one", func(r *http.Request) { r.Header.Set("X-Slack-Signature", "v0=") }, 401},
		{"two signatures", func(r *http.Request) { r.Header.Add("X-Slack-Signature", r.Header.Get("X-Slack-Signature")) }, 401},
		{"another version", func(r *http.Request) {
			r.Header.Set("X-Slack-Signature", "v1="+r.Header.Get("X-Slack-Signature")[3:])
		}, 401},
		{"a part of it", func(r *http.Request) {
			r.Header.Set("X-Slack-Signature", r.Header.Get("X-Slack-Signature")[:35])
		}, 401},
		{"one bit off", func(r *http.Request) {
			s := []byte(r.Header.Get("X-Slack-Signature"))
			s[3] ^= 1
			r.Header.Set("X-Slack-Signature", string(s))
		}, 401},
		{"of another body", func(r *http.Request) { *r = *withHeader(r.Header, body+"&") }, 401},
		{"too long", func(r *http.Request) { *r = *signedRequest(body + "&x=" + strings.Repeat("x", maxClick)) }, 413},
		{"another method", func(r *http.Request) { r.Method = "GET" }, 405},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := &desk{}
				s := clicks(t, d, always(200))
				r := signedRequest(body)
				tt.change(r)
				if got := serve(s, r); got != tt.want {
					t.Errorf("status %d, want %d", got, tt.want)
				}
				synctest.Wait()
				if (len(d.answers) == 1) != (tt.want == 200) {
					t.Errorf("%d answers", len(d.answers))
				}
			})
		})
	}
}

func withHeader(h http.Header, body string) *http.Request {
	r := signedRequest(body)
	r.Header = h
	return r
}

func TestClicks(t *testing.T) {
	value := "l1 " + seen
	answer := SlackAnswer{Lease: "l1", Seen: seen, Person: "alice@example.com", User: "U1"}
	approve := answer
	approve.Approve = true
	tests := []struct {
		name, body string
		reply      SlackReply
		err        error
		status     int
		answer     *SlackAnswer
		told       string // in what Slack is told; empty: nothing is
	}{
		{"approve, and more are needed", payload(actionApprove, value, nil), SlackReply{Message: "One of two."}, nil, 200, &approve,
			`{"response_type":"ephemeral","replace_original":false,"text":"One of two."`},
		{"approve, and that is all", payload(actionApprove, value, nil), SlackReply{"Approved & <done>.", true}, nil, 200, &approve,
			`{"replace_original":true,"text":"Approved \u0026amp; \u0026lt;done\u0026gt;.","blocks":[{"type":"section","text":{"type":"plain_text","text":"Approved \u0026 \u003cdone\u003e.","emoji":false}}]}`},
		{"deny", payload(actionDeny, value, nil), SlackReply{"Denied.", true}, nil, 200, &answer, "Denied."},
		{"a value in the reply", payload(actionDeny, value, nil), SlackReply{"It is " + canary, false}, nil, 200, &answer, `"It is [masked]"`},
		{"an answer that fails", payload(actionDeny, value, nil), SlackReply{"Denied.", true}, errors.New(canary), 200, &answer, "something went wrong"},
		{"the link", payload(actionOpen, "", nil), SlackReply{}, nil, 200, nil, ""},
		{"an unknown user", payload(actionApprove, value, func(p map[string]any) { p["user"] = map[string]any{"id": "U2", "team_id": "T1"} }),
			SlackReply{}, nil, 200, nil, "does not know who U2 of T1 is"},
		{"a known user's id in another workspace", payload(actionApprove, value, func(p map[string]any) { p["user"] = map[string]any{"id": "U1", "team_id": "T2"} }),
			SlackReply{}, nil, 200, nil, "does not know who U1 of T2 is"},
		{"somewhere else to answer", payload(actionDeny, value, func(p map[string]any) { p["response_url"] = "https://example.com/" }), SlackReply{}, nil, 200, &answer, ""},
		{"another action", payload("other", value, nil), SlackReply{}, nil, 400, nil, ""},
		{"no hash", payload(actionApprove, "l1", nil), SlackReply{}, nil, 400, nil, ""},
		{"no payload", "x=y", SlackReply{}, nil, 400, nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				slack := always(200)
				d := &desk{reply: tt.reply, err: tt.err}
				s := clicks(t, d, slack)
				if got := serve(s, signedRequest(tt.body)); got != tt.status {
					t.Errorf("status %d, want %d", got, tt.status)
				}
				if err := s.Close(t.Context()); err != nil {
					t.Fatal(err)
				}
				if got := d.answers; (len(got) == 1) != (tt.answer != nil) || tt.answer != nil && got[0] != *tt.answer {
					t.Errorf("answers %+v, want %+v", got, tt.answer)
				}
				came := slack.all()
				if (len(came) == 1) != (tt.told != "") || tt.told != "" && (!strings.Contains(string(came[0].body), tt.told) || came[0].url != responseURL) {
					t.Errorf("told %+v, want %s", came, tt.told)
				}
				for _, c := range came {
					if strings.Contains(string(c.body), canary) {
						t.Errorf("a value went to Slack: %s", c.body)
					}
				}
			})
		})
	}
}

func TestWhereRepliesGo(t *testing.T) {
	for _, bad := range []string{
		"", "http://hooks.slack.com/x", "https://hooks.slack.com.example.com/", "https://hooks.slack.com@example.com/", "https://u@hooks.slack.com/",
		"https://hooks.slack.com:8443/", "https://HOOKS.SLACK.COM.example.com", "//hooks.slack.com/", "https:hooks.slack.com", "https://hooks.slack.com\\@example.com/", "%",
	} {
		slack := always(200)
		s := clicks(t, &desk{}, slack)
		if err := s.tell(t.Context(), bad, SlackReply{}); err == nil || len(slack.all()) != 0 {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for want, slack := range map[string]*receiver{
		"":               always(200),
		"status 404":     always(404),
		"status 307":     always(307, "Location", "https://hooks.slack.com/other"),
		"the connection": {answer: func(int, *http.Request) (*http.Response, error) { return nil, errors.New(canary) }},
	} {
		err := clicks(t, &desk{}, slack).tell(t.Context(), responseURL, SlackReply{})
		if (err == nil) != (want == "") || err != nil && (!strings.Contains(err.Error(), want) || strings.Contains(err.Error(), canary)) || len(slack.all()) != 1 {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestARequestCountsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &desk{}
		s := clicks(t, d, always(200))
		r := signedRequest(payload(actionApprove, "l1 "+seen, nil))
		again := func() int { // the same bytes with the same signature, in another writing
			r := withHeader(r.Header.Clone(), payload(actionApprove, "l1 "+seen, nil))
			r.Header.Set("X-Slack-Signature", "v0="+strings.ToUpper(r.Header.Get("X-Slack-Signature")[3:]))
			return serve(s, r)
		}
		if serve(s, r) != 200 || again() != 200 {
			t.Error("Slack is told of an error")
		}
		time.Sleep(clockSkew)
		if again() != 200 {
			t.Error("Slack is told of an error")
		}
		time.Sleep(time.Second)
		if again() != 401 {
			t.Error("an old request is taken")
		}
		time.Sleep(2 * clockSkew)
		if serve(s, signedRequest(payload(actionDeny, "l1 "+seen, nil))) != 200 {
			t.Error("another click is refused")
		}
		synctest.Wait()
		if len(d.answers) != 2 || len(s.seen) != 1 {
			t.Errorf("answered %d times, %d requests remembered", len(d.answers), len(s.seen))
		}
	})
}

func TestSlackNeverWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &desk{wait: make(chan struct{})}
		s := clicks(t, d, always(200))
		began := time.Now()
		for i := range maxClicks + 1 {
			want := 200
			if i == maxClicks {
				want = 503
			}
			if got := serve(s, signedRequest(payload(actionApprove, fmt.Sprintf("l%d %s", i, seen), nil))); got != want {
				t.Errorf("click %d: status %d, want %d", i, got, want)
			}
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("it took %v", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("closing while answers are under way: %v", err)
		}
		close(d.wait)
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if got := serve(s, signedRequest(payload(actionApprove, "l "+seen, nil))); got != 503 {
			t.Errorf("after closing: status %d", got)
		}
	})
}

func TestAnAnswerThatHangsEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &desk{wait: make(chan struct{})}
		s := clicks(t, d, always(200))
		serve(s, signedRequest(payload(actionApprove, "l1 "+seen, nil)))
		if err := s.Close(t.Context()); err != nil || len(d.causes) == 0 {
			t.Errorf("%v, reports %q", err, d.causes)
		}
	})
}

func TestNewSlackClicksNeedsAll(t *testing.T) {
	for name, drop := range map[string]func(*SlackOptions){
		"secret": func(o *SlackOptions) { o.SigningSecret = nil }, "teams": func(o *SlackOptions) { o.Teams = nil },
		"people": func(o *SlackOptions) { o.People = nil }, "desk": func(o *SlackOptions) { o.Answer = nil },
		"masker": func(o *SlackOptions) { o.Masker = nil }, "report": func(o *SlackOptions) { o.Report = nil },
		"bytes of the secret": func(o *SlackOptions) { o.SigningSecret = text("") },
		"readable secret": func(o *SlackOptions) {
			o.SigningSecret = func() (secret.Value, error) { return secret.Value{}, secret.ErrUnset }
		},
	} {
		o := options(t, &desk{}, nil)
		drop(&o)
		if _, err := NewSlackClicks(o); err == nil {
			t.Errorf("made without %s", name)
		}
	}
}
