package transcript

import (
	"fmt"
	"regexp"
	"strings"
)

// simple tells whether single quotes are enough for a text: every character is
// printed as itself, and nothing in it stands for a ticket or token.
func simple(text string) bool {
	return !strings.ContainsFunc(text, hidden) && !marked.MatchString(text)
}

// marked is what a recording has in the place of a ticket or token. A ticket's mark
// is the end of the placeholder's text.
var marked = regexp.MustCompile(`(?:[a-zA-Z0-9_.-]*ckr_([a-z0-9-]{1,48})_)?\[(ticket|token)(?: [0-9a-z-]+)?\]`)

// quote makes a text one word of a POSIX shell. back tells whether what a mark stands
// for is put back, a token or a ticket of the credential: another mark stays as it is,
// as an agent may have written it, for whoever gets the text to get a ticket or token.
func quote(text string, back func(kind, credential string) bool) string {
	var b strings.Builder
	from := 0
	for _, m := range marked.FindAllStringSubmatchIndex(text, -1) {
		kind, credential := text[m[4]:m[5]], ""
		if m[2] >= 0 {
			credential = text[m[2]:m[3]]
		}
		if !back(kind, credential) {
			continue
		}
		if m[0] > from {
			b.WriteString(literal(text[from:m[0]]))
		}
		b.WriteString(variable(kind))
		from = m[1]
	}
	if from < len(text) || b.Len() == 0 {
		b.WriteString(literal(text[from:]))
	}
	return b.String()
}

func variable(kind string) string {
	return `"$CLOAKROOM_` + strings.ToUpper(kind) + `"`
}

// literal quotes a text in which nothing is marked.
func literal(text string) string {
	switch {
	case text == "":
		return "''"
	case strings.ContainsFunc(text, hidden):
		return `"$(printf ` + octal(text) + `)"` // a line feed at the end is lost, and stands in no header
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// octal is a word that printf makes the text of.
func octal(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\\':
			b.WriteString(`\\`)
		case c == '%':
			b.WriteString("%%")
		case c == '\'':
			b.WriteString(`'\''`)
		case c < ' ' || c > '~' || i == 0 && c == '-' || c == '!': // else an option; else, in some shells, a line of before
			fmt.Fprintf(&b, `\%03o`, c)
		default:
			b.WriteByte(c)
		}
	}
	return "'" + b.String() + "'"
}
