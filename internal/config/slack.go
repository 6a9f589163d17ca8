package config

import (
	"regexp"
	"strings"

	"go.yaml.in/yaml/v4"

	"cloakroom/internal/access"
)

func (l *loader) slack(n *yaml.Node) {
	if n == nil {
		if l.buttons != nil {
			l.fail(l.buttons, "add slack: {signing_secret: {env: NAME}, people: …}", "buttons without a slack section: no click could be judged")
		}
		return
	}
	s := &Slack{}
	l.cfg.Slack = s
	var teams, signing, people *yaml.Node
	if !l.mapping(n, "slack", fields{"teams": keep(&teams), "signing_secret": keep(&signing), "people": keep(&people)}) {
		return
	}
	if l.present(n, teams, "slack", "teams", "add teams: [T0123ABCD], the workspaces' ids") {
		s.Teams = l.texts(teams, "ids of workspaces", l.slackID)
	}
	if l.present(n, signing, "slack", "signing_secret", "add signing_secret: {env: NAME}, from the app's Basic Information") {
		s.SigningSecret, _ = l.source(signing, false)
	}
	if l.present(n, people, "slack", "people", "add people: {U0123ABCD: {person: alice@example.com, groups: [oncall]}}") {
		l.pairs(people, "people", func(key, value *yaml.Node) { l.slackPerson(s, key, value) })
	}
}

// slackPerson reads who a member of the workspace is. Nobody else has vouched
// for that, so that the file names the groups too.
func (l *loader) slackPerson(s *Slack, key, n *yaml.Node) {
	id, ok := l.text(key, "a member's id")
	if !ok || !l.slackID(key, id) {
		return
	}
	p := SlackPerson{ID: id}
	var person, groups *yaml.Node
	if !l.mapping(n, "a person", fields{"person": keep(&person), "groups": keep(&groups)}) {
		return
	}
	if l.present(key, person, "a person", "person", "add person: what the issuer's person claim says, such as alice@example.com") {
		text, _ := l.text(person, "a person")
		p.Person = strings.ToLower(strings.TrimSpace(text))
	}
	if l.present(key, groups, "a person", "groups", "add groups: [oncall]") {
		p.Groups = l.groups(groups)
		l.oneIssuer(groups, p.Groups)
	}
	for _, other := range s.People {
		if other.ID == p.ID || other.Person == p.Person && p.Person != "" {
			l.fail(key, "remove one of them", "member %q stands twice, or is the same person as another", id)
			return
		}
	}
	s.People = append(s.People, p)
}

var slackID = regexp.MustCompile(`^[A-Z0-9]{2,32}$`)

// slackID checks what Slack calls a member or a workspace.
func (l *loader) slackID(n *yaml.Node, s string) bool {
	ok := slackID.MatchString(s)
	if !ok {
		l.fail(n, "such as U0123ABCD, in the member's profile, or T0123ABCD, in the workspace's URL", "%q is not an id of Slack's", s)
	}
	return ok
}

func (l *loader) oneIssuer(n *yaml.Node, groups []access.Group) {
	for _, g := range groups {
		if g.Issuer != groups[0].Issuer {
			l.fail(n, "name groups of one issuer", "the groups are of several issuers")
			return
		}
	}
	for _, i := range l.cfg.Identity.Issuers {
		if len(groups) > 0 && i.URL == groups[0].Issuer && !i.Human {
			l.fail(n, "name groups of an issuer that says human: true", "the groups are not people's")
		}
	}
}
