package approval

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"cloakroom/internal/access"
	"cloakroom/internal/lease"
)

// show is a pending lease as who is shown it; false: its credential is gone.
func (d *Desk) show(l lease.Lease, who access.Principal) (Question, bool) {
	c := d.Inventory().Credential(l.Credential)
	if c == nil {
		return Question{}, false
	}
	q := Question{ID: l.ID, Credential: c.Name, Description: Clean(c.Description, 500), Tier: c.Tier.Name,
		Principal: Clean(l.Principal, 512), Issuer: Clean(l.Issuer, 512), Subject: Clean(l.Subject, 255), Person: Clean(l.Person, 255),
		Groups: make([]string, 0, len(l.Groups)), Session: Clean(l.Session, 255), Reason: words(l.Reason), Ticket: !l.Ticketless(),
		Operation: l.Operation, Rules: []Rule{}, Scopes: []string{}, Seconds: int(l.Terms.Length / time.Second), Uses: l.Terms.Uses,
		Reuse: l.Terms.Reuse, Extend: int(l.Terms.Extend / time.Second), Needs: l.Terms.Needs, Asked: l.Created.UTC(), Expires: l.Ends.UTC()}
	q.Operation.Method, q.Operation.Host, q.Operation.Path = exact(l.Operation.Method), exact(l.Operation.Host), exact(l.Operation.Path)
	for _, g := range l.Groups {
		q.Groups = append(q.Groups, Clean(g, 256))
	}
	for _, s := range l.Operation.Scopes() {
		q.Scopes = append(q.Scopes, s.String())
	}
	for _, r := range c.Rules {
		in := make([]string, len(r.In))
		for i, at := range r.In {
			in[i] = at.String()
		}
		q.Rules = append(q.Rules, Rule{r.Hosts, r.Methods, r.Paths, in})
	}
	q.Seen = q.hash()
	q.Given = given(l)
	q.Obstacle = d.obstacle(l, who)
	return q, true
}

// hash is over all that is the same for every viewer.
func (q Question) hash() string {
	text, err := json.Marshal(q)
	if err != nil {
		panic(err) // strings, numbers and times encode always
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

func given(l lease.Lease) []Given {
	out := make([]Given, 0, len(l.Answers))
	for _, a := range l.Answers {
		if a.Approve {
			out = append(out, Given{a.Person, a.Name, a.Scope.String(), a.Via, a.Time})
		}
	}
	return out
}

// obstacle says why who may not answer the question; empty: they may, once they
// have logged in for it.
func (d *Desk) obstacle(l lease.Lease, who access.Principal) string {
	c := d.Inventory().Credential(l.Credential)
	switch {
	case machine(who):
		return ErrMachine.Error()
	case c == nil || !who.InAny(d.approvers(c)):
		return "you are in none of the groups that approve the use of this credential"
	case who.Person == "":
		return ErrNobody.Error()
	case who.Person == l.Person || who.ID() == l.Principal:
		return "this is asked by you, or on your behalf, and nobody answers their own question"
	case unnamed(l, who):
		return ErrUnnamed.Error()
	}
	for _, a := range l.Answers {
		if a.Person == who.Person || a.Principal == who.ID() {
			return "you have answered; another person must too"
		}
	}
	return ""
}

// unnamed tells whether who asks may be who answers, as far as anybody knows: of
// an issuer of people, whose token does not say which. One human can have several
// subjects there: one for each client, or that of Slack.
func unnamed(l lease.Lease, who access.Principal) bool {
	return l.Person == "" && l.Issuer == who.Issuer
}

// Clean makes an untrusted text fit to be shown as plain text: nothing that
// cannot be seen or that moves what can (control, format and bidirectional
// characters, blanks that are no space, piles of accents), nothing that is not
// UTF-8, white space as single spaces, and at most so many bytes, not under 3.
func Clean(s string, most int) string {
	marks := maxMarks // one that comes first would stand on what is not ours
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			marks = maxMarks
			return ' '
		case !unicode.IsPrint(r), unicode.In(r, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point, unicode.Me), r == brailleBlank:
			return -1
		case !unicode.Is(unicode.Mn, r):
			marks = 0
		case marks == maxMarks:
			return -1
		default:
			marks++
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
	s = strings.Join(strings.Fields(s), " ")
	if len(s) <= most {
		return s
	}
	const ellipsis = "…"
	i := max(0, most-len(ellipsis))
	for i > 0 && !utf8.RuneStart(s[i]) {
		i--
	}
	return s[:i] + ellipsis
}

const (
	maxMarks     = 3 // accents on one letter
	brailleBlank = '\u2800'
)

// Plain puts a visible mark in the place of every character that is not printed
// as itself: controls, line breaks, format and bidirectional characters, blanks
// other than the space. Where Clean makes a text fit, Plain shows that it is not.
func Plain(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, text)
}

// words are the agent's own words: plain text without what any markup could be
// made of.
func words(s string) string {
	return Clean(markup.Replace(s), maxReason)
}

var markup = strings.NewReplacer("<", "‹", ">", "›", "&", "＆", "`", "'")

// exact is a path as it goes over the wire, every byte that is not printable
// ASCII in its percent form: nothing in it can look like something else.
func exact(path string) string {
	var b strings.Builder
	for i := range len(path) {
		if c := path[i]; c > ' ' && c <= '~' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
