package transcript

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"cloakroom/internal/access"
	"cloakroom/internal/record"
	"cloakroom/internal/recording"
)

// Curl is the request as one line for a POSIX shell, placeholders in place, that
// sends it through the gateway again; lines that begin with "#" before it say what
// it cannot do. gateway is the base URL at which agents reach the gateway; empty:
// the authority that the agent named, by http.
//
// Tickets and identity tokens are in no recording: the line takes them from
// $CLOAKROOM_TICKET, where the ticket was used, and $CLOAKROOM_TOKEN. Whatever stands
// in the request, the shell runs nothing of it.
func (x *Exchange) Curl(gateway string) string {
	h := x.head(recording.Request)
	if h == nil {
		return "# exchange " + Visible(x.ID()) + ": its request is not recorded\n"
	}
	c := &curl{exchange: x, notes: []string{"exchange " + Visible(x.ID())}, words: []string{"curl", "-sS", "-g", "--path-as-is"}}
	if !strings.HasPrefix(h.Path, "/") {
		return "# exchange " + Visible(x.ID()) + ": curl has no way to ask for " + literal(h.Path) + "\n" // quoted: not every shell has comments
	}
	c.method(h.Method)
	c.tokens(h, x.Decision.Decision.Tokens)
	c.headers(h, gateway)
	c.body()
	if gateway == "" {
		gateway = "http://" + h.Authority
	}
	c.words = append(c.words, c.quote(strings.TrimSuffix(gateway, "/")+h.Path, inTarget, false))
	return c.String()
}

// curl is a command line in the making.
type curl struct {
	exchange *Exchange
	notes    []string
	input    string // a command whose output is the body; empty: none
	words    []string
}

// quote makes a text of the request one word, with the tickets that were used at the
// place where it stood and, if it is one for them, tokens.
func (c *curl) quote(text string, here func(access.Location) bool, tokens bool) string {
	return quote(text, func(kind, credential string) bool {
		if kind == "token" {
			if !tokens {
				c.note("a token in another header than those of tokens is not put back")
			}
			return tokens
		}
		used := slices.ContainsFunc(c.exchange.Decision.Decision.Uses, func(u record.Use) bool {
			at, err := access.ParseLocation(u.Location)
			return err == nil && !u.Placeholder.Named && u.Credential == credential && here(at)
		})
		if !used {
			c.note("a ticket that was not used is not put back")
		}
		return used
	})
}

// holdsTokens tells whether a header is one in which callers send their token.
func (c *curl) holdsTokens(name string) bool {
	return name == "authorization" || name == "proxy-authorization" || name == "x-cloakroom-token" || slices.Contains(c.exchange.Decision.Decision.Tokens, name)
}

func (c *curl) note(text string) {
	if !slices.Contains(c.notes, text) {
		c.notes = append(c.notes, text)
	}
}

func (c *curl) String() string {
	var b strings.Builder
	for _, n := range c.notes {
		b.WriteString("# " + n + "\n")
	}
	b.WriteString(c.input + strings.Join(c.words, " ") + "\n")
	return b.String()
}

func (c *curl) method(m string) {
	if m == "HEAD" {
		c.words = append(c.words, "-I")
		return
	}
	c.words = append(c.words, "-X", literal(m))
}

// tokens puts back the headers whose identity tokens were taken out before the
// request was recorded, as they are of one that was not refused.
func (c *curl) tokens(h *recording.Head, names []string) {
	for _, name := range names {
		if has(h.Headers, name) {
			continue
		}
		scheme := ""
		if name == "authorization" || name == "proxy-authorization" {
			scheme = "Bearer "
		}
		c.words = append(c.words, "-H", literal(name+": "+scheme)+variable("token"))
	}
}

// own are headers that curl or the gateway makes itself, or that were about the
// connection.
var own = map[string]bool{"content-length": true, "transfer-encoding": true, "connection": true, "host": true,
	"upgrade": true, "http2-settings": true, "keep-alive": true, "proxy-connection": true, "x-forwarded-proto": true}

// unasked are headers that curl adds where nothing is said of them.
var unasked = []string{"accept", "user-agent", "content-type"}

func (c *curl) headers(h *recording.Head, gateway string) {
	if u, err := url.Parse(gateway); gateway != "" && (err != nil || u.Host != h.Authority) {
		c.words = append(c.words, "-H", literal("host: "+h.Authority))
	}
	for _, f := range h.Headers {
		if markedInside(f.Value) {
			c.note("a ticket or token in the Basic credentials is not put back")
		}
		switch {
		case own[f.Name] || strings.HasPrefix(f.Name, ":"):
		case f.Name == "content-encoding" && c.decoded(f.Value):
		case f.Value == "":
			c.words = append(c.words, "-H", literal(f.Name+";"))
		default:
			c.words = append(c.words, "-H", c.quote(f.Name+": "+f.Value, inHeader(f.Name), c.holdsTokens(f.Name)))
		}
	}
	for _, name := range unasked {
		if !has(h.Headers, name) {
			c.words = append(c.words, "-H", literal(name+":"))
		}
	}
}

// decoded tells whether a body is recorded without its codings, which are these.
func (c *curl) decoded(codings string) bool {
	for coding := range strings.SplitSeq(codings, ",") {
		switch strings.ToLower(strings.TrimSpace(coding)) {
		case "gzip", "x-gzip", "deflate", "br", "zstd", "identity":
		default:
			return false
		}
	}
	c.note("the body is sent without its content coding")
	return true
}

// markedInside tells whether a header's value is Basic credentials with a mark in them.
func markedInside(value string) bool {
	scheme, encoded, ok := strings.Cut(value, " ")
	if !ok || !strings.EqualFold(scheme, "basic") {
		return false
	}
	plain, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
	return err == nil && marked.Match(plain)
}

func has(headers []access.Header, name string) bool {
	for _, f := range headers {
		if f.Name == name {
			return true
		}
	}
	return false
}

// longest is what fits in one argument; printf is the shell's own, and has none.
const longest = 64 << 10

func (c *curl) body() {
	x := c.exchange
	sum := x.Recording.Sent
	if x.first(recording.MessageSent, recording.MessageGot) != nil {
		c.note("the messages of a WebSocket are not sent again")
		return
	}
	switch {
	case sum.Bytes == 0:
		return
	case x.head(recording.Request).Method == "HEAD":
		c.note("curl sends no body with HEAD")
		return
	}
	body, err := x.Body(recording.Sent)
	if err != nil {
		body = nil
	}
	if int64(len(body)) < sum.Bytes {
		c.note(fmt.Sprintf("of the body %d of %d bytes are kept", len(body), sum.Bytes))
	}
	if len(body) < longest && simple(string(body)) {
		c.words = append(c.words, "--data-raw", literal(string(body)))
		return
	}
	if marked.Match(body) {
		c.note("a ticket or token in the body is not put back")
	}
	c.input = "printf " + octal(string(body)) + " | "
	c.words = append(c.words, "--data-binary", "@-")
}
