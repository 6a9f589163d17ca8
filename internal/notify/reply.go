package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
)

// slackHost is where a response_url must lead.
const slackHost = "hooks.slack.com"

// answer finds the person, has the answer taken, and tells what came of it.
func (s *SlackClicks) answer(c click) {
	ctx, cancel := context.WithTimeout(context.Background(), answerTime)
	defer cancel()
	reply := s.reply(ctx, c)
	if err := s.tell(ctx, c.ResponseURL, reply); err != nil {
		s.o.Report("Slack could not be told", err)
	}
}

func (s *SlackClicks) reply(ctx context.Context, c click) SlackReply {
	person := s.o.People[c.User]
	if !slices.Contains(s.o.Teams, c.Team) || person == "" {
		s.o.Report("nobody is known by the Slack user's id", nil)
		return SlackReply{Message: fmt.Sprintf("Nothing was answered: Cloakroom does not know who %s of %s is. "+
			"An operator can add them under slack.", c.User, c.Team)}
	}
	reply, err := s.o.Answer(ctx, SlackAnswer{Lease: c.Lease, Seen: c.Seen, Person: person, User: c.User, Approve: c.Action == actionApprove})
	if err != nil {
		s.o.Report("the answer was not taken", err)
		return SlackReply{Message: "Nothing was answered: something went wrong. Answer on the page."}
	}
	return reply
}

// tell posts a reply to the click's response_url. Its errors do not hold the
// URL, which is good for whoever has it.
func (s *SlackClicks) tell(ctx context.Context, to string, r SlackReply) error {
	u, err := url.Parse(to)
	if err != nil || u.Scheme != "https" || u.Host != slackHost || u.User != nil {
		return errors.New("telling Slack: the response_url does not lead to Slack")
	}
	body, err := json.Marshal(r.message(s.o.Masker))
	if err != nil {
		return fmt.Errorf("telling Slack: %w", err)
	}
	res, err := s.client.Do(newPost(ctx, u, body))
	if err != nil {
		return errors.New("telling Slack: " + failure(err))
	}
	discard(res.Body)
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("telling Slack: status %d", res.StatusCode)
	}
	return nil
}

func (r SlackReply) message(masker Masker) message {
	c := cleaner{masker: masker}
	text := c.clean(r.Message, maxWords)
	m := message{ReplaceOriginal: &r.Done, Text: escape(text), Blocks: []block{section(text)}}
	if !r.Done {
		m.ResponseType = "ephemeral"
	}
	return m
}
