package transcript

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"time"

	"cloakroom/internal/recording"
)

// WriteHAR writes exchanges as one HAR 1.2 document (w3c.github.io/web-performance/
// specs/HAR/Overview.html), an entry each. What HAR has no field for begins with
// "_": the exchange's id, decision, policy and leases, and a WebSocket's messages
// in the form of Chromium's _webSocketMessages. Bytes that are no text are base64;
// of a request's body "_encoding" says so. scheme is the one that agents reach the
// gateway by. One exchange is in memory at once. At an error of xs the document has
// the entries before it.
func WriteHAR(w io.Writer, xs iter.Seq2[*Exchange, error], scheme, version string) error {
	b := bufio.NewWriter(w)
	creator, err := indented(harCreator{"cloakroom", version}, "    ")
	if err != nil {
		return err
	}
	fmt.Fprintf(b, "{\n  \"log\": {\n    \"version\": \"1.2\",\n    \"creator\": %s,\n    \"entries\": [", creator)
	between := "\n      "
	for x, broken := range xs {
		if broken != nil {
			err = broken
			break
		}
		var entry []byte
		if entry, err = indented(x.har(scheme), "      "); err != nil {
			break
		}
		b.WriteString(between) // its error stays, for Flush
		b.Write(entry)
		between = ",\n      "
	}
	b.WriteString("\n    ]\n  }\n}\n")
	return errors.Join(err, b.Flush())
}

// indented is v as JSON, of which all lines but the first begin with the indent.
func indented(v any, indent string) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent(indent, "  ")
	err := e.Encode(v)
	return JSON(bytes.TrimSuffix(b.Bytes(), []byte("\n"))), err
}

func (x *Exchange) har(scheme string) harEntry {
	d := x.Decision.Decision
	e := harEntry{Started: x.began().UTC().Format(time.RFC3339Nano), Cache: struct{}{}, Request: x.harRequest(scheme), Response: x.harResponse(),
		Exchange: x.ID(), Session: d.Session, Decision: d.Outcome.String(), Reason: d.Reason, Policy: d.Revision, Messages: x.harMessages()}
	if e.Messages != nil {
		e.Type = "websocket"
	}
	for _, u := range d.Uses {
		e.Leases = append(e.Leases, harLease{u.Credential, u.Location, u.Lease})
	}
	if x.Recording == nil {
		e.Comment = x.missing()
	}
	e.Timings = x.harTimings()
	e.Time = e.Timings.Send + e.Timings.Wait + e.Timings.Receive
	return e
}

// harTimings are in milliseconds, from the beginning: until the agent has sent
// everything before the response, until that begins, until it ends.
func (x *Exchange) harTimings() (t harTimings) {
	if x.Recording == nil {
		return t
	}
	var sent, answered, last time.Duration
	for _, e := range x.Recording.Events {
		last = max(last, e.At)
		switch {
		case e.Kind == recording.Response && answered == 0:
			answered = e.At
		case answered == 0:
			sent = e.At
		}
	}
	if answered == 0 {
		answered = sent
	}
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	return harTimings{ms(sent), ms(answered - sent), ms(last - answered)}
}

func (x *Exchange) harRequest(scheme string) harRequest {
	d := x.Decision.Decision
	r := harRequest{Method: d.Method, URL: absolute(scheme, d.Authority, d.Path), Version: unknown, Cookies: []harCookie{},
		Headers: []harPair{}, Query: []harPair{}, HeadersSize: -1}
	h := x.head(recording.Request)
	if h == nil {
		r.Query = query(d.Path)
		return r
	}
	r.Method, r.URL, r.Query, r.Headers = h.Method, absolute(scheme, h.Authority, h.Path), query(h.Path), pairs(h.Headers)
	for _, f := range h.Headers {
		if cookies, err := http.ParseCookie(f.Value); f.Name == "cookie" && err == nil {
			for _, c := range cookies {
				r.Cookies = append(r.Cookies, harCookie{Name: c.Name, Value: c.Value})
			}
		}
	}
	r.BodySize = x.Recording.Sent.Bytes
	if r.BodySize > 0 && x.harMessages() == nil {
		r.Post = &harPost{Type: header(h, "content-type"), Params: []harPair{}}
		r.Post.Text, r.Post.Encoding, r.Post.Comment = x.harBody(recording.Sent)
	}
	return r
}

func (x *Exchange) harResponse() harResponse {
	r := harResponse{Version: unknown, Cookies: []harCookie{}, Headers: []harPair{}, HeadersSize: -1, BodySize: -1,
		Content: harContent{Type: "x-unknown"}}
	h := x.head(recording.Response)
	if h == nil {
		if x.End != nil {
			r.Status = x.End.End.Status
		}
		r.Text = http.StatusText(r.Status)
		return r
	}
	r.Status, r.Text, r.Headers, r.Redirect = h.Status, http.StatusText(h.Status), pairs(h.Headers), header(h, "location")
	for _, f := range h.Headers {
		if c, err := http.ParseSetCookie(f.Value); f.Name == "set-cookie" && err == nil {
			r.Cookies = append(r.Cookies, setCookie(c))
		}
	}
	r.BodySize, r.Content.Size = x.Recording.Got.Bytes, x.Recording.Got.Bytes
	if t := header(h, "content-type"); t != "" {
		r.Content.Type = t
	}
	if x.harMessages() == nil {
		r.Content.Text, r.Content.Encoding, r.Content.Comment = x.harBody(recording.Got)
	}
	return r
}
