package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"cloakroom/internal/approval"
)

// printQuestion prints all that a person needs to judge a question. What a service
// elsewhere sends is no cleaner than it.
func printQuestion(w io.Writer, q approval.Question, now time.Time) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) {
		fmt.Fprintf(t, "%s\t%s\n", name, approval.Plain(fmt.Sprintf(format, args...)))
	}
	line("question", "%s", q.ID)
	line("credential", "%s, tier %s%s", q.Credential, q.Tier, before(": ", q.Description))
	line("asked by", "%s%s", q.Principal, before(", of ", strings.Join(q.Groups, ", ")))
	line("on behalf of", "%s", orAll(q.Person, "nobody is named"))
	line("operation", "%s", operationOf(q))
	line("body", "%s", bodyOf(q))
	line("its own words", "%s", orAll(q.Reason, "none"))
	line("session", "%s", orAll(q.Session, "none"))
	line("would last", "%s", termsOf(q))
	line("before", "%s", historyOf(q.Before))
	for i, s := range q.Scopes {
		name := "scope"
		if i > 0 {
			name = ""
		}
		line(name, "%-10s  %s", s, meaningOf(s))
	}
	for _, r := range q.Rules {
		line("rule", "%s  %s  %s  in %s", strings.Join(r.Methods, ","), strings.Join(r.Hosts, ","), strings.Join(r.Paths, ","), strings.Join(r.In, ","))
	}
	line("approvals", "%d of %d%s", len(q.Given), q.Needs, before(": ", givenBy(q.Given)))
	line("lapses in", "%s", q.Expires.Sub(now).Round(time.Second))
	return t.Flush()
}

// before is text with what stands before it, or empty.
func before(what, text string) string {
	if text == "" {
		return ""
	}
	return what + text
}

func operationOf(q approval.Question) string {
	if !q.Operation.Named() {
		return "none is named"
	}
	return q.Operation.Method + " " + q.Operation.Host + q.Operation.Path
}

func bodyOf(q approval.Question) string {
	switch {
	case q.Operation.Unseen:
		return "there may be one that nobody saw whole"
	case q.Operation.Body.String() != "":
		return "SHA-256 " + q.Operation.Body.String()
	}
	return "none"
}

func termsOf(q approval.Question) string {
	text := (time.Duration(q.Seconds) * time.Second).String()
	if q.Extend > 0 {
		text += fmt.Sprintf(", and as much as %v longer", time.Duration(q.Extend)*time.Second)
	}
	if q.Uses > 0 {
		text += fmt.Sprintf(", for %d uses", q.Uses)
	}
	if q.Reuse {
		text += ", in every session of the principal"
	}
	if q.Ticket {
		text += ", by a ticket"
	}
	return text
}

func historyOf(h approval.History) string {
	if h.Asked == 0 {
		return "never asked"
	}
	text := fmt.Sprintf("asked %d times: %d approved, %d denied", h.Asked, h.Approved, h.Denied)
	if !h.Last.IsZero() {
		text += ", the last " + h.Last.UTC().Format(time.RFC3339)
	}
	return text
}

func meaningOf(scope string) string {
	switch scope {
	case "operation":
		return "this very operation, its query and its body included"
	case "path":
		return "this method, host and path, with any query and any body"
	}
	return "whatever the rules below permit"
}

func givenBy(all []approval.Given) string {
	var names []string
	for _, g := range all {
		names = append(names, fmt.Sprintf("%s (%s)", orAll(g.Name, g.Person), g.Scope))
	}
	return strings.Join(names, ", ")
}
