package notify

import (
	"net/url"
	"strings"
	"testing"
)

func TestParseClick(t *testing.T) {
	value := "l1 " + seen
	if c, err := parseClick([]byte(payload(actionDeny, value, nil))); err != nil || c != (click{actionDeny, "l1", seen, "U1", "T1", responseURL}) {
		t.Errorf("%+v, %v", c, err)
	}
	user := func(id, team any) func(map[string]any) {
		return func(p map[string]any) { p["user"] = map[string]any{"id": id, "team_id": team} }
	}
	for name, body := range map[string]string{
		"nothing":                "",
		"no form":                "%zz",
		"no JSON":                url.Values{"payload": {"{" + canary}}.Encode(),
		"two payloads":           payload(actionDeny, value, nil) + "&" + payload(actionApprove, value, nil),
		"another type":           payload(actionDeny, value, func(p map[string]any) { p["type"] = "view_submission" }),
		"no action":              payload(actionDeny, value, func(p map[string]any) { p["actions"] = []any{} }),
		"two actions":            payload(actionDeny, value, func(p map[string]any) { p["actions"] = append(p["actions"].([]any), p["actions"].([]any)...) }),
		"no button":              payload(actionDeny, value, func(p map[string]any) { p["actions"].([]any)[0].(map[string]any)["type"] = "overflow" }),
		"another action":         payload("approve", value, nil),
		"a value of another's":   payload(actionDeny, "x", nil),
		"no user":                payload(actionDeny, value, user("", "T1")),
		"no workspace":           payload(actionDeny, value, user("U1", "")),
		"a user that is a word":  payload(actionDeny, value, user("U1> <!channel", "T1")),
		"a user that is no text": payload(actionDeny, value, user(7, "T1")),
	} {
		if c, err := parseClick([]byte(body)); err == nil || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
	}
}

// FuzzParseClick holds that whatever is taken for a click says whose it is, and
// on which of our buttons.
func FuzzParseClick(f *testing.F) {
	for _, seed := range []string{"", "payload=", "payload=%7B%7D", payload(actionOpen, "", nil), payload(actionApprove, "l1 "+seen, nil)} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		c, err := parseClick(body)
		if err != nil {
			if c != (click{}) {
				t.Errorf("%+v with an error", c)
			}
			return
		}
		_, whole := buttonValue(c.Lease, c.Seen)
		answers := c.Action == actionApprove || c.Action == actionDeny
		if !answers && c.Action != actionOpen || answers != whole || c.User == "" || c.Team == "" {
			t.Errorf("%+v", c)
		}
	})
}
