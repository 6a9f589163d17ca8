package config

// ResolvedRecord is how exchanges are recorded, in a Resolved. What is empty is not
// there.
type ResolvedRecord struct {
	Dir          string              `json:"dir" yaml:"dir"`
	Mode         string              `json:"mode" yaml:"mode"`
	Bodies       int64               `json:"bodies" yaml:"bodies"`       // bytes, each way
	Retention    string              `json:"retention" yaml:"retention"` // a duration
	Store        string              `json:"store,omitempty" yaml:"store,omitempty"`
	Key          string              `json:"key,omitempty" yaml:"key,omitempty"` // where it is; empty: it follows from the root key
	OldKeys      []string            `json:"old_keys,omitempty" yaml:"old_keys,omitempty,flow"`
	PerPrincipal int64               `json:"per_principal,omitempty" yaml:"per_principal,omitempty"` // bytes a day
	Rules        []ResolvedRecording `json:"rules,omitempty" yaml:"rules,omitempty"`
}

// ResolvedRecording is a recording rule in a ResolvedRecord.
type ResolvedRecording struct {
	Credentials []string `json:"credentials,omitempty" yaml:"credentials,omitempty,flow"`
	Hosts       []string `json:"hosts,omitempty" yaml:"hosts,omitempty,flow"`
	Paths       []string `json:"paths,omitempty" yaml:"paths,omitempty,flow"`
	Bodies      string   `json:"bodies" yaml:"bodies"`
	Request     bool     `json:"request" yaml:"request"` // bodies of requests are asked for
}

func (c *Config) resolveRecord() ResolvedRecord {
	from := c.Record
	r := ResolvedRecord{Dir: from.Dir, Mode: from.Mode, Bodies: from.Bodies, Retention: from.Retention.String(), Store: from.Store, PerPrincipal: from.PerPrincipal}
	if from.Key != nil {
		r.Key = from.Key.String()
	}
	for _, key := range from.OldKeys {
		r.OldKeys = append(r.OldKeys, key.String())
	}
	for _, rule := range from.Rules {
		r.Rules = append(r.Rules, ResolvedRecording{rule.Credentials, rule.Hosts, rule.Paths, rule.Bodies, !rule.Bodiless})
	}
	return r
}
