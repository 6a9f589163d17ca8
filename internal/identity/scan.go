package identity

import (
	"encoding/base64"
	"strings"
)

// Scanning finds a trusted issuer's token inside any text by its middle part:
// a dot, then base64url of a JSON object whose "iss" is a trusted issuer. What
// stands around it cannot hide it, and texts without such a part cost a few
// searches for single bytes and no memory.

const (
	scanDepth  = 3  // encodings within each other
	minPayload = 20 // characters: the shortest issuer does not fit in less
)

var urlAlphabet = strings.NewReplacer("+", "-", "/", "_")

// checkHeader refuses a header in which a trusted issuer's token stands.
func (v *Verifier) checkHeader(name, value string) *Error {
	if !v.holds(value, scanDepth) {
		return nil
	}
	if name == "cookie" {
		for pair := range strings.SplitSeq(value, ";") {
			if n, _, ok := strings.Cut(strings.TrimSpace(pair), "="); ok && v.holds(pair, scanDepth) {
				return v.astray("cookie", n)
			}
		}
	}
	return v.astray("header", name)
}

// checkPath refuses a path or query in which a trusted issuer's token stands.
func (v *Verifier) checkPath(path string) *Error {
	if !v.holds(path, scanDepth) {
		return nil
	}
	_, query, _ := strings.Cut(path, "?")
	for pair := range strings.SplitSeq(query, "&") {
		if n, value, ok := strings.Cut(pair, "="); ok && v.holds(value, scanDepth) {
			return v.astray("query parameter", n)
		}
	}
	return v.astray("path", "")
}

// astray names the place of a token, with its name only if that is an ordinary
// one: a client can put anything there, a secret too.
func (v *Verifier) astray(kind, name string) *Error {
	place := "the " + kind
	if plain(name) {
		place = kind + ` "` + name + `"`
	}
	return refuse("%s: an identity token must not be sent on; send it in %q instead", place, ownHeader)
}

func plain(name string) bool {
	for i := range len(name) {
		if c := name[i]; c == '+' || c == '/' || c == '=' || !inBase64(c) {
			return false
		}
	}
	return name != "" && len(name) <= 24 && !strings.Contains(name, "ckr_")
}

// holds tells whether a trusted issuer's token stands in text, or in what text
// decodes to.
func (v *Verifier) holds(text string, depth int) bool {
	if v.holdsToken(text) {
		return true
	}
	if depth == 0 {
		return false
	}
	if strings.IndexByte(text, '%') >= 0 && v.holds(unescape(text), depth-1) {
		return true
	}
	if creds, ok := basic(text); ok && v.holds(creds, depth-1) {
		return true
	}
	return strings.Contains(text, wrapped) && v.holdsWrapped(text, depth-1)
}

func (v *Verifier) holdsToken(text string) bool {
	for {
		// A JSON object begins with '{' and '"' or white space: "ey" or "ew".
		i := strings.Index(text, ".e")
		if i < 0 {
			return false
		}
		text = text[i+1:]
		if len(text) < minPayload || text[1] != 'y' && text[1] != 'w' {
			continue
		}
		n := run(text)
		if n >= minPayload {
			if _, verdict := v.judge(text[:n]); verdict != foreign {
				return true
			}
		}
		text = text[n:]
	}
}

// wrapped is how base64 of a token begins.
const wrapped = "ZXlK"

// holdsWrapped looks into the base64 texts that hold wrapped. Its occurrences
// can stand at four alignments, so four decodings see them all.
func (v *Verifier) holdsWrapped(text string, depth int) bool {
	for {
		i := strings.Index(text, wrapped)
		if i < 0 {
			return false
		}
		text = text[i:]
		n := run(text)
		for shift := 0; shift < 4 && shift < n; shift++ {
			if plain, ok := decode(text[shift:n]); ok && v.holds(string(plain), depth) {
				return true
			}
		}
		text = text[n:]
	}
}

// run is the length of the base64 text at the start of s.
func run(s string) int {
	for i := range len(s) {
		if !inBase64(s[i]) {
			return i
		}
	}
	return len(s)
}

// inBase64 tells whether c belongs to base64 in either alphabet, with padding.
func inBase64(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
		c == '-' || c == '_' || c == '+' || c == '/' || c == '='
}

// decode reads base64 in either alphabet, padded or not, up to its first "=",
// without what is left over at its end.
func decode(s string) ([]byte, bool) {
	s, _, _ = strings.Cut(s, "=")
	if len(s)%4 == 1 {
		s = s[:len(s)-1]
	}
	b, err := base64.RawURLEncoding.DecodeString(urlAlphabet.Replace(s))
	return b, err == nil
}

// unescape undoes percent-encoding; what is not an escape stays.
func unescape(s string) string {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			hi, lo := unhex(s[i+1]), unhex(s[i+2])
			if hi < 16 && lo < 16 {
				out = append(out, hi<<4|lo)
				i += 2
				continue
			}
		}
		out = append(out, s[i])
	}
	return string(out)
}

func unhex(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return 16
}
