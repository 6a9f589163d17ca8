package config

// ResolvedAdmin is who may do what at the admin listener, and how people log in
// there. Groups are an issuer's name, "/", a group.
type ResolvedAdmin struct {
	URL       string          `json:"url,omitempty" yaml:"url,omitempty"`
	Logins    []ResolvedLogin `json:"logins,omitempty" yaml:"logins,omitempty"`
	Operators []string        `json:"operators,omitempty" yaml:"operators,omitempty,flow"`
	Approvers []string        `json:"approvers,omitempty" yaml:"approvers,omitempty,flow"`
	Auditors  []string        `json:"auditors,omitempty" yaml:"auditors,omitempty,flow"`
}

// ResolvedLogin is how people of one issuer log in.
type ResolvedLogin struct {
	Issuer       string   `json:"issuer" yaml:"issuer"` // its name
	ClientID     string   `json:"client_id" yaml:"client_id"`
	ClientSecret string   `json:"client_secret,omitempty" yaml:"client_secret,omitempty"` // where it is; empty: a public client
	CLIClientID  string   `json:"cli_client_id,omitempty" yaml:"cli_client_id,omitempty"`
	Scopes       []string `json:"scopes" yaml:"scopes,flow"`
	ACR          string   `json:"acr,omitempty" yaml:"acr,omitempty"`
}

// ResolvedWebhook is a webhook in a Resolved: never its URL.
type ResolvedWebhook struct {
	Name   string   `json:"name" yaml:"name"`
	URL    string   `json:"url" yaml:"url"` // where it is
	Form   string   `json:"form" yaml:"form"`
	Signed bool     `json:"signed" yaml:"signed"`
	Events []string `json:"events" yaml:"events,flow"`
}

// ResolvedMember is a member of the Slack workspace in a Resolved.
type ResolvedMember struct {
	Member string   `json:"member" yaml:"member"`
	Person string   `json:"person" yaml:"person"`
	Groups []string `json:"groups" yaml:"groups,flow"`
}

func (c *Config) resolveAdmin() ResolvedAdmin {
	a := c.Admin
	r := ResolvedAdmin{URL: a.URL, Operators: c.GroupNames(a.Operators), Approvers: c.GroupNames(a.Approvers), Auditors: c.GroupNames(a.Auditors)}
	for _, l := range a.Logins {
		login := ResolvedLogin{Issuer: c.issuerName(l.Issuer), ClientID: l.ClientID, CLIClientID: l.CLIClientID, Scopes: l.Scopes, ACR: l.ACR}
		if l.ClientSecret != nil {
			login.ClientSecret = l.ClientSecret.String()
		}
		r.Logins = append(r.Logins, login)
	}
	return r
}

func (c *Config) resolveReceivers() (hooks []ResolvedWebhook, members []ResolvedMember) {
	for _, w := range c.Webhooks {
		r := ResolvedWebhook{Name: w.Name, URL: "in the file", Form: w.Form, Signed: w.Secret != nil, Events: w.Events}
		if w.URLSource != nil {
			r.URL = w.URLSource.String()
		}
		if len(r.Events) == 0 {
			r.Events = events
		}
		hooks = append(hooks, r)
	}
	if c.Slack == nil {
		return hooks, nil
	}
	for _, p := range c.Slack.People {
		members = append(members, ResolvedMember{p.ID, p.Person, c.GroupNames(p.Groups)})
	}
	return hooks, members
}
