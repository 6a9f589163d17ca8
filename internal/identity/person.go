package identity

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

const (
	maxPerson  = 320 // bytes: the longest e-mail address, RFC 3696 §3
	maxDisplay = 100 // bytes
)

// person reads whom the issuer's person claim names, in the one form in which
// people of different issuers are compared; empty if it names nobody, or by an
// e-mail address that the issuer does not vouch for.
func (i *issuer) person(c claims) string {
	if len(i.Person) == 0 || i.unverified(c) {
		return ""
	}
	holder, name := c.at(i.Person)
	text, _ := holder.text(name)
	text = Person(text)
	if !clean(text, maxPerson) {
		return ""
	}
	return text
}

// unverified tells whether the person claim is an e-mail address that the issuer
// does not vouch for.
func (i *issuer) unverified(c claims) bool {
	if len(i.Person) == 0 {
		return false
	}
	holder, name := c.at(i.Person)
	_, address := holder[name]
	verified, said := holder["email_verified"]
	// Some issuers write "true" in quotes.
	return name == "email" && address && said && string(verified) != "true" && string(verified) != `"true"`
}

// Person is what names a human in the one form in which people are compared:
// lower case, Unicode NFC, without space around it.
func Person(text string) string { return norm.NFC.String(strings.ToLower(strings.TrimSpace(text))) }

// display is how to call whoever logged in, for people to read: no control,
// bidi or other invisible character is in it. Empty: the token has no name.
func (c claims) display() string {
	for _, claim := range []string{"name", "preferred_username"} {
		text, _ := c.text(claim)
		if text = printable(text); text != "" {
			return text
		}
	}
	return ""
}

// printable drops what is not printed, and what is beyond maxDisplay.
func printable(text string) string {
	var b strings.Builder
	for _, r := range text {
		if b.Len() >= maxDisplay {
			break
		}
		if unicode.IsPrint(r) && r != unicode.ReplacementChar {
			b.WriteRune(r)
		}
	}
	return strings.TrimSpace(b.String())
}
