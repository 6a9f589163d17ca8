package notify

import (
	"encoding/json"
	"errors"
	"net/url"
	"regexp"
)

// errClick is the error of a request of Slack's that is no click on one of our
// buttons. It quotes nothing: what is in the request is unknown.
var errClick = errors.New("no click on a button of ours")

// click is what counts of a block_actions payload, after
// docs.slack.dev/reference/interaction-payloads/block_actions-payload.
type click struct {
	Action      string // one of the actions
	Lease, Seen string // empty with actionOpen
	User        string // Slack's id of who clicked
	Team        string // and of the workspace that they belong to
	ResponseURL string
}

var slackID = regexp.MustCompile(`^[A-Z0-9]{2,32}$`)

// parseClick reads the body that Slack sends: a form with the field payload,
// which is JSON.
func parseClick(body []byte) (click, error) {
	form, err := url.ParseQuery(string(body))
	if err != nil || len(form["payload"]) != 1 {
		return click{}, errClick
	}
	var p struct {
		Type string `json:"type"`
		User struct {
			ID   string `json:"id"`
			Team string `json:"team_id"`
		} `json:"user"`
		ResponseURL string `json:"response_url"`
		Actions     []struct {
			Type   string `json:"type"`
			Action string `json:"action_id"`
			Value  string `json:"value"`
		} `json:"actions"`
	}
	if err := json.Unmarshal([]byte(form["payload"][0]), &p); err != nil || p.Type != "block_actions" || len(p.Actions) != 1 {
		return click{}, errClick
	}
	c := click{Action: p.Actions[0].Action, User: p.User.ID, Team: p.User.Team, ResponseURL: p.ResponseURL}
	if p.Actions[0].Type != "button" || !slackID.MatchString(c.User) || !slackID.MatchString(c.Team) {
		return click{}, errClick
	}
	switch c.Action {
	case actionOpen:
		return c, nil
	case actionApprove, actionDeny:
		var ok bool
		if c.Lease, c.Seen, ok = parseButtonValue(p.Actions[0].Value); ok {
			return c, nil
		}
	}
	return click{}, errClick
}
