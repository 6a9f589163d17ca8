package recording

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"

	"cloakroom/internal/record"
)

// TokenMark is what stands in a recording for a token: "[token HEX]", with 16 hex
// digits of a keyed hash of it, as core cuts it, so that who has the recording key can
// still search for it.
func TokenMark(key [32]byte, token string) string {
	h := hmac.New(sha256.New, key[:])
	h.Write([]byte("token\x00"))
	h.Write([]byte(core(token)))
	return "[token " + hex.EncodeToString(h.Sum(nil)[:8]) + "]"
}

// core is of a token what does not depend on the text around it: its first three
// segments, without the characters at the end that may be the text's, as a full stop.
func core(token string) string {
	segments := strings.SplitN(token, ".", 4)
	return strings.TrimRight(strings.Join(segments[:min(len(segments), 3)], "."), ".-_")
}

// scrubber takes tickets and tokens out of texts. The zero scrubber leaves no
// placeholder as it is.
type scrubber struct {
	key    [32]byte
	named  func(text string) bool
	leases map[string]string // of tickets, by their text from "ckr_" on
}

// mark is what stands in s's place.
func (c *scrubber) mark(s record.Stray) string {
	if s.Token {
		return TokenMark(c.key, s.Text)
	}
	id := c.leases[s.Text]
	if id == "" {
		id = c.leases[strings.ToLower(s.Text)]
	}
	if id == "" {
		return "[ticket]"
	}
	return "[ticket " + id + "]"
}

// strays finds what run must lose, in which only the last byte bounds.
func (c *scrubber) strays(run []byte) []record.Stray {
	const shortest = 12 // a token's
	if len(run) < shortest || hit(run) < 0 {
		return nil
	}
	return record.Strays(string(run), func(p string) bool { return c.named != nil && c.named(p) })
}

// text scrubs all of s.
func (c *scrubber) text(s string) string {
	if hit(s) < 0 {
		return s
	}
	return string(c.appendText(nil, []byte(s)))
}

// scrubbed is text itself where nothing is taken out of it.
func (c *scrubber) scrubbed(text []byte) []byte {
	if hit(text) < 0 {
		return text
	}
	return c.appendText(nil, text)
}

// appendText appends what is left of text, which begins and ends where a ticket or
// a token may.
func (c *scrubber) appendText(out, text []byte) []byte {
	for {
		i := hit(text)
		if i < 0 {
			return append(out, text...)
		}
		start := lastBound(text[:i]) + 1
		end := len(text)
		if n := nextBound(text[i:]); n >= 0 {
			end = i + n
		}
		out = append(out, text[:start]...)
		out = c.appendRun(out, text[start:end], 0, false, c.strays(text[start:end]))
		text = text[end:]
	}
}

// credentials scrubs the value of an authorization header, Basic's inside too.
func (c *scrubber) credentials(s string) string {
	scheme, encoded, ok := strings.Cut(s, " ")
	if !ok || !strings.EqualFold(scheme, "basic") {
		return c.text(s)
	}
	encoded = strings.TrimRight(strings.Trim(encoded, " \t"), "=") // a ticket is found there, padded or not
	plain, err := base64.RawStdEncoding.DecodeString(encoded)
	if err != nil {
		return c.text(s)
	}
	if clean := c.text(string(plain)); clean != string(plain) {
		return scheme + " " + base64.StdEncoding.EncodeToString([]byte(clean))
	}
	return s
}

// appendRun appends what is left of run from the byte from on. Of a stray that
// begins before, the mark is there already if marked says so.
func (c *scrubber) appendRun(out, run []byte, from int, marked bool, strays []record.Stray) []byte {
	for _, s := range strays {
		if s.End <= from {
			continue
		}
		if s.Start >= from || !marked {
			out = append(out, run[from:max(from, s.Start)]...)
			out = append(out, c.mark(s)...)
		}
		from = s.End
	}
	return append(out, run[from:]...)
}

// bounds tells whether c stands in no ticket and no token, escaped or not.
func bounds(c byte) bool { return c != '%' && c != '\\' && !record.TokenByte(c) }

// nextBound is where the first byte stands that bounds, or -1.
func nextBound(s []byte) int { return slices.IndexFunc(s, bounds) }

// lastBound is where the last one stands, or -1.
func lastBound(s []byte) int {
	for i := len(s) - 1; i >= 0; i-- {
		if bounds(s[i]) {
			return i
		}
	}
	return -1
}

// hit is a cheap search that finds the beginning of every stray, or something
// before it in the same run; -1: there is none.
func hit[T string | []byte](s T) int {
	for i := 0; i+2 < len(s); i++ {
		switch s[i] {
		case '%':
			return i
		case '\\':
			if s[i+1] == 'u' && s[i+2] == '0' {
				return i
			}
		case 'c', 'C':
			if s[i+1]|0x20 == 'k' && s[i+2]|0x20 == 'r' {
				return i
			}
		case 'e':
			if opensObject(s[i+1], s[i+2]) {
				return i
			}
		}
	}
	return -1
}

// opensObject tells whether an "e" and these two are base64url of a brace, and then
// of a quote or white space.
func opensObject(second, third byte) bool {
	switch second {
	case 'y':
		return third >= 'A' && third <= 'D' || third >= 'I' && third <= 'L'
	case 'w':
		return third >= 'k' && third <= 'r' || third >= '0' && third <= '3'
	}
	return false
}

// ticketBegun is a ticket of which a text's end shows only the beginning. What may
// be the beginning of a percent-encoded byte is taken with it.
var ticketBegun = regexp.MustCompile(`(?i)ckr_[a-z0-9-]{1,48}_([0-9a-z]{1,25}(?:%[0-9a-f%]*)?)$`)
