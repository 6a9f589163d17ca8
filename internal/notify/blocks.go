package notify

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// The actions of a message's buttons.
const (
	actionApprove = "cloakroom_approve"
	actionDeny    = "cloakroom_deny"
	actionOpen    = "cloakroom_open" // a link; Slack tells of the click all the same
)

// message is what Slack's incoming webhooks, chat.postMessage and response_url
// take, in the names of Slack's reference of blocks. Whatever may be anybody's
// words is plain_text, in which Slack finds no markup, mention or emoji.
type message struct {
	ResponseType    string  `json:"response_type,omitempty"`    // of a response_url: "ephemeral"
	ReplaceOriginal *bool   `json:"replace_original,omitempty"` // of a response_url
	Text            string  `json:"text"`                       // markup: for notifications
	Blocks          []block `json:"blocks"`
}

type block struct {
	Type     string    `json:"type"`
	Text     *plainOf  `json:"text,omitempty"`
	Fields   []plainOf `json:"fields,omitempty"`
	Elements []any     `json:"elements,omitempty"`
}

type plainOf struct {
	Type  string `json:"type"` // "plain_text"
	Text  string `json:"text"`
	Emoji bool   `json:"emoji"`
}

type button struct {
	Type   string  `json:"type"` // "button"
	Text   plainOf `json:"text"`
	Action string  `json:"action_id"`
	Value  string  `json:"value,omitempty"`
	URL    string  `json:"url,omitempty"`
	Style  string  `json:"style,omitempty"`
}

func plainText(s string) plainOf { return plainOf{Type: "plain_text", Text: s} }

func section(s string) block {
	text := plainText(s)
	return block{Type: "section", Text: &text}
}

// escape makes text fit for where Slack looks for markup.
var escape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace

var titles = map[Type]string{
	Asked: "Approval needed", Answered: "Question answered", Lapsed: "Question lapsed",
	Revoked: "Lease revoked", Stolen: "Ticket used by somebody else",
}

// slack is the event in the form "slack".
func (s shown) slack() ([]byte, error) {
	title := titles[s.Type]
	if s.Data.Credential != "" {
		title += ": " + s.Data.Credential
	}
	head := plainText(cut(title, 150))
	m := message{Text: escape(title), Blocks: []block{{Type: "header", Text: &head}}}
	if f := s.fields(); len(f) > 0 {
		m.Blocks = append(m.Blocks, block{Type: "section", Fields: f})
	}
	if s.Data.Method != "" {
		m.Blocks = append(m.Blocks, section(s.operation()))
	}
	if s.Data.Reason != "" {
		m.Blocks = append(m.Blocks, section("Reason, in the agent's own words:\n"+s.Data.Reason))
	}
	if s.Data.Note != "" {
		m.Blocks = append(m.Blocks, section("Note by "+s.Data.By+":\n"+s.Data.Note))
	}
	if b := s.elements(); len(b) > 0 {
		m.Blocks = append(m.Blocks, block{Type: "actions", Elements: b})
	}
	return json.Marshal(m)
}

// fields are at most Slack's ten.
func (s shown) fields() []plainOf {
	expires := ""
	if s.Type == Asked && !s.Data.Expires.IsZero() {
		expires = s.Data.Expires.Format("2006-01-02 15:04:05 UTC")
	}
	var out []plainOf
	for _, f := range []struct{ name, value string }{
		{"Credential", s.Data.Credential}, {"Tier", s.Data.Tier},
		{"Asked by", s.Data.Principal}, {"On behalf of", s.Data.Person},
		{"Session, as it calls it", s.Data.Session}, {"Question lapses", expires}, {"The lease", s.Data.Terms.String()},
		{"Answer", strings.TrimSpace(s.Data.Answer + " " + s.Data.Scope)}, {"By", s.Data.By},
		{"Lease", s.Data.Lease},
	} {
		if f.value != "" {
			out = append(out, plainText(f.name+"\n"+f.value))
		}
	}
	return out
}

// String says them to people; empty: nobody knows them.
func (t Terms) String() string {
	if t.Seconds == 0 {
		return ""
	}
	text := (time.Duration(t.Seconds) * time.Second).String() + " from the last approval"
	if t.Extend > 0 {
		text += ", may be extended by " + (time.Duration(t.Extend) * time.Second).String()
	}
	if t.Uses > 0 {
		text += ", uses: " + strconv.Itoa(t.Uses)
	}
	if t.Reuse {
		text += ", good in other sessions too"
	}
	if t.Ticket {
		text += ". It is a ticket: whoever holds its text can use it"
	}
	return text
}

func (s shown) operation() string {
	text := "Operation:\n" + s.Data.Method + " " + s.Data.Host + s.Data.Path
	switch {
	case s.Data.Body != "":
		return text + "\nBody, SHA-256: " + s.Data.Body
	case s.Data.Unseen:
		return text + "\nWith a body that was not seen whole"
	}
	return text
}

// elements are the buttons: two that answer, where a button may, and one that
// leads to the page.
func (s shown) elements() (out []any) {
	if s.value != "" {
		out = append(out,
			button{Type: "button", Text: plainText("Approve this operation"), Action: actionApprove, Value: s.value, Style: "primary"},
			button{Type: "button", Text: plainText("Deny"), Action: actionDeny, Value: s.value, Style: "danger"})
	}
	if s.Data.URL != "" {
		out = append(out, button{Type: "button", Text: plainText("Open in Cloakroom"), Action: actionOpen, URL: s.Data.URL})
	}
	return out
}

// A button's value is the lease's id, a space and the hash of what was seen.
var valueForm = regexp.MustCompile(`^([A-Za-z0-9_-]{1,128}) ([0-9a-f]{64})$`)

func buttonValue(lease, seen string) (string, bool) {
	value := lease + " " + seen
	return value, valueForm.MatchString(value)
}

func parseButtonValue(value string) (lease, seen string, ok bool) {
	m := valueForm.FindStringSubmatch(value)
	if m == nil {
		return "", "", false
	}
	return m[1], m[2], true
}
