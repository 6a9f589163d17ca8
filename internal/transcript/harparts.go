package transcript

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"cloakroom/internal/access"
	"cloakroom/internal/recording"
)

// unknown stands for the version of HTTP, which is not recorded.
const unknown = "unknown"

type harCreator struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

type harEntry struct {
	Started  string      `json:"startedDateTime"`
	Time     float64     `json:"time"` // milliseconds
	Request  harRequest  `json:"request"`
	Response harResponse `json:"response"`
	Cache    struct{}    `json:"cache"`
	Timings  harTimings  `json:"timings"`
	Comment  string      `json:"comment,omitempty"`

	Exchange string       `json:"_exchange"`
	Session  string       `json:"_session"`
	Decision string       `json:"_decision"`
	Reason   string       `json:"_reason,omitempty"`
	Policy   string       `json:"_policy,omitempty"`
	Leases   []harLease   `json:"_leases,omitempty"`
	Type     string       `json:"_resourceType,omitempty"`
	Messages []harMessage `json:"_webSocketMessages,omitempty"`
}

type harLease struct {
	Credential string `json:"credential"`
	Location   string `json:"location"`
	Lease      string `json:"lease"`
}

// harMessage is a WebSocket's message, or control frame.
type harMessage struct {
	Type   string  `json:"type"`   // "send" or "receive"
	Time   float64 `json:"time"`   // seconds since 1970
	Opcode int     `json:"opcode"` // 1 text; else Data is base64: 2 binary, 8 close, 9 ping, 10 pong
	Data   string  `json:"data"`
}

// opcodes are those of control frames, by name.
var opcodes = map[string]int{"close": 8, "ping": 9, "pong": 10}

type harRequest struct {
	Method      string      `json:"method"`
	URL         string      `json:"url"`
	Version     string      `json:"httpVersion"`
	Cookies     []harCookie `json:"cookies"`
	Headers     []harPair   `json:"headers"`
	Query       []harPair   `json:"queryString"`
	Post        *harPost    `json:"postData,omitempty"`
	HeadersSize int64       `json:"headersSize"`
	BodySize    int64       `json:"bodySize"`
}

type harPost struct {
	Type     string    `json:"mimeType"`
	Params   []harPair `json:"params"`
	Text     string    `json:"text"`
	Encoding string    `json:"_encoding,omitempty"`
	Comment  string    `json:"comment,omitempty"`
}

type harResponse struct {
	Status      int         `json:"status"`
	Text        string      `json:"statusText"`
	Version     string      `json:"httpVersion"`
	Cookies     []harCookie `json:"cookies"`
	Headers     []harPair   `json:"headers"`
	Content     harContent  `json:"content"`
	Redirect    string      `json:"redirectURL"`
	HeadersSize int64       `json:"headersSize"`
	BodySize    int64       `json:"bodySize"`
}

type harContent struct {
	Size     int64  `json:"size"`
	Type     string `json:"mimeType"`
	Text     string `json:"text,omitempty"`
	Encoding string `json:"encoding,omitempty"`
	Comment  string `json:"comment,omitempty"`
}

type harCookie struct {
	Name     string `json:"name"`
	Value    string `json:"value"`
	Path     string `json:"path,omitempty"`
	Domain   string `json:"domain,omitempty"`
	Expires  string `json:"expires,omitempty"`
	HTTPOnly bool   `json:"httpOnly,omitempty"`
	Secure   bool   `json:"secure,omitempty"`
}

type harPair struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type harTimings struct {
	Send    float64 `json:"send"`
	Wait    float64 `json:"wait"`
	Receive float64 `json:"receive"`
}

func pairs(headers []access.Header) []harPair {
	all := []harPair{}
	for _, f := range headers {
		all = append(all, harPair{f.Name, f.Value})
	}
	return all
}

// query are the parameters in a path, decoded where they can be.
func query(path string) []harPair {
	all := []harPair{}
	_, q, _ := strings.Cut(path, "?")
	q, _, _ = strings.Cut(q, "#")
	for part := range strings.SplitSeq(q, "&") {
		if part != "" {
			name, value, _ := strings.Cut(part, "=")
			all = append(all, harPair{unescape(name), unescape(value)})
		}
	}
	return all
}

// absolute is a URL as an agent asked for it. What may not stand in one is escaped.
func absolute(scheme, authority, path string) string {
	text := scheme + "://" + authority
	if !strings.HasPrefix(path, "/") {
		text += "/"
	}
	text += path
	var b strings.Builder
	for i := range len(text) {
		c := text[i]
		if c <= ' ' || c > '~' || strings.IndexByte("\"<>\\^`{|}", c) >= 0 || c == '%' && !escape(text[i:]) {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// escape tells whether a text begins with a byte in its percent form.
func escape(text string) bool {
	_, err := url.PathUnescape(text[:min(3, len(text))])
	return err == nil
}

func unescape(text string) string {
	if plain, err := url.QueryUnescape(text); err == nil {
		return plain
	}
	return text
}

func setCookie(c *http.Cookie) harCookie {
	out := harCookie{Name: c.Name, Value: c.Value, Path: c.Path, Domain: c.Domain, HTTPOnly: c.HttpOnly, Secure: c.Secure}
	if !c.Expires.IsZero() {
		out.Expires = c.Expires.UTC().Format(time.RFC3339)
	}
	return out
}

// harBody is what is kept of a body; a body that is no UTF-8 is base64.
func (x *Exchange) harBody(side recording.Kind) (text, encoding, comment string) {
	body, err := x.Body(side)
	sum := x.Recording.Got
	if side == recording.Sent {
		sum = x.Recording.Sent
	}
	switch {
	case err != nil:
		comment = err.Error()
	case int64(len(body)) < sum.Bytes:
		comment = fmt.Sprintf("%d of %d bytes are kept", len(body), sum.Bytes)
	}
	if utf8.Valid(body) {
		return string(body), "", comment
	}
	return base64.StdEncoding.EncodeToString(body), "base64", comment
}

func (x *Exchange) harMessages() (all []harMessage) {
	if x.Recording == nil {
		return nil
	}
	for _, e := range x.Recording.Events {
		m := harMessage{Type: "receive", Time: float64(x.Recording.Began.Add(e.At).UnixMicro()) / 1e6, Opcode: 1, Data: string(e.Data)}
		if e.Kind.Agents() {
			m.Type = "send"
		}
		switch e.Kind {
		case recording.MessageSent, recording.MessageGot:
			if e.Binary || !utf8.Valid(e.Data) {
				m.Opcode, m.Data = 2, base64.StdEncoding.EncodeToString(e.Data)
			}
		case recording.ControlSent, recording.Control:
			if len(e.Head.Headers) == 0 {
				continue
			}
			f := e.Head.Headers[0]
			m.Opcode, m.Data = opcodes[f.Name], base64.StdEncoding.EncodeToString([]byte(f.Value))
		default:
			continue
		}
		all = append(all, m)
	}
	return all
}
