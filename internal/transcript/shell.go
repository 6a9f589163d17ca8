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
var marked = regexp.MustCompile(`((?:[a-zA-Z0-9_.-]*)ckr_[a-z0-9-]{1,48}_)?\[(ticket|token)(?: [0-9a-z-]+)?\]`)

// quote makes a text one word of a POSIX shell.
func quote(text string) string {
	var b strings.Builder
	for text != "" {
		m := marked.FindStringSubmatchIndex(text)
		if m == nil {
			break
		}
		b.WriteString(literal(text[:m[0]]))
		b.WriteString(variable(text[m[4]:m[5]]))
		text = text[m[1]:]
	}
	if text != "" || b.Len() == 0 {
		b.WriteString(literal(text))
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
		case c < ' ' || c > '~' || i == 0 && c == '-': // else an option
			fmt.Fprintf(&b, `\%03o`, c)
		default:
			b.WriteByte(c)
		}
	}
	return "'" + b.String() + "'"
}
