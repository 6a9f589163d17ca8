package inventory

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"cloakroom/internal/access"
)

func TestNewSet(t *testing.T) {
	s := testSet(t)
	var names []string
	for _, c := range s.Credentials() {
		names = append(names, c.Name)
	}
	if got := strings.Join(names, " "); got != "git long pay" {
		t.Errorf("names: %s", got)
	}
	if in := s.Credential("git").Rules[0].In; len(in) != 1 || in[0].Kind != access.InCredentials {
		t.Errorf("default locations: %v", in)
	}
	if s.Credential("none") != nil {
		t.Error("a credential that nobody declared")
	}
}

func TestSetIsACopy(t *testing.T) {
	hosts := []string{"h"}
	s, err := New(Key{}, []Credential{{Name: "a", Rules: []Rule{{Hosts: hosts, Methods: []string{"*"}, Paths: []string{"/**"}}}}}, nil, true)
	if err != nil {
		t.Fatal(err)
	}
	hosts[0] = "other"
	if _, ok := s.Credential("a").Permits(access.Target{Method: "GET", Host: "other", Path: "/"}); ok {
		t.Error("a caller's change went into the set")
	}
	if !s.Strict() {
		t.Error("not strict")
	}
}

func TestNewSetRefuses(t *testing.T) {
	up := Upstream{Host: "h", Route: "r", Cluster: "c"}
	rule := func(r Rule) []Credential { return []Credential{{Name: "a", Rules: []Rule{r}}} }
	for name, tt := range map[string]struct {
		credentials []Credential
		upstreams   []Upstream
	}{
		"no name":         {credentials: []Credential{{}}},
		"name":            {credentials: []Credential{{Name: "A_b"}}},
		"long name":       {credentials: []Credential{{Name: strings.Repeat("a", 49)}}},
		"name in Unicode": {credentials: []Credential{{Name: "š"}}},
		"twice":           {credentials: []Credential{{Name: "a"}, {Name: "a"}}},
		"prefix":          {credentials: []Credential{{Name: "a", Prefix: "x y"}}},
		"mark in prefix":  {credentials: []Credential{{Name: "a", Prefix: "xckr_"}}},
		"pattern":         {credentials: rule(Rule{Paths: []string{"a"}})},
		"method":          {credentials: rule(Rule{Methods: []string{"get"}})},
		"host":            {credentials: rule(Rule{Hosts: []string{"H"}})},
		"location":        {credentials: rule(Rule{In: []access.Location{{}}})},
		"framing header":  {credentials: rule(Rule{In: []access.Location{{Kind: access.InHeader, Name: "host"}}})},
		"route twice":     {upstreams: []Upstream{up, up}},
		"no route":        {upstreams: []Upstream{{Host: "h", Cluster: "c"}}},
		"no cluster":      {upstreams: []Upstream{{Host: "h", Route: "r"}}},
		"host with port":  {upstreams: []Upstream{{Host: "h:1", Route: "r", Cluster: "c"}}},
		"prefix's plus":   {upstreams: []Upstream{{Host: "h", Route: "r", Cluster: "c", Prefix: "/a+b"}}},
		"route's plus":    {upstreams: []Upstream{{Host: "h", Route: "r+x", Cluster: "c"}}},
		"prefix's slash":  {upstreams: []Upstream{{Host: "h", Route: "r", Cluster: "c", Prefix: "/a/"}}},
		"prefix's dots":   {upstreams: []Upstream{{Host: "h", Route: "r", Cluster: "c", Prefix: "/a/../b"}}},
	} {
		if s, err := New(Key{}, tt.credentials, tt.upstreams, false); err == nil || s != nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestTarget(t *testing.T) {
	s, err := New(Key{}, nil, []Upstream{
		{Host: "api.test", Route: "host:api.test", Cluster: "one"},
		{Host: "github.test", Prefix: "/github", Route: "prefix:/github", Cluster: "two"},
	}, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		route, cluster, path string
		host, want           string // host empty: an error
	}{
		{"host:api.test", "one", "/x?y", "api.test", "/x?y"},
		{"host:api.test+upgrade", "one", "/x?y", "api.test", "/x?y"},
		{"host:api.test+upgrade", "two", "/x", "", ""},
		{"prefix:/github+upgrade", "two", "/githubx", "", ""},
		{"+host:api.test", "one", "/x", "", ""},
		{"host:api.test", "one", "/", "api.test", "/"},
		{"host:api.test", "one", "/github/x", "api.test", "/github/x"},
		{"prefix:/github", "two", "/github/x?y", "github.test", "/x?y"},
		{"prefix:/github", "two", "/github", "github.test", "/"},
		{"prefix:/github", "two", "/github?y", "github.test", "/?y"},
		{"prefix:/github", "two", "/github/", "github.test", "/"},
		{"prefix:/github", "two", "/github//x", "github.test", "//x"},
		{"prefix:/github", "two", "/github/../x", "github.test", "/../x"},
		{"prefix:/github", "two", "/githubx", "", ""},
		{"prefix:/github", "two", "/Github/x", "", ""},
		{"prefix:/github", "two", "/x/github/x", "", ""},
		{"prefix:/github", "two", "/%67ithub/x", "", ""},
		{"prefix:/github", "two", "/github;a/x", "", ""},
		{"prefix:/github", "two", "", "", ""},
		{"host:api.test", "one", "", "", ""},
		{"host:api.test", "one", "?x", "", ""},
		{"host:api.test", "one", "*", "", ""},
		{"host:api.test", "one", "http://api.test/", "", ""},
		{"host:api.test", "two", "/x", "", ""},
		{"host:api.test", "", "/x", "", ""},
		{"", "", "/x", "", ""},
		{"none", "one", "/x", "", ""},
	} {
		got, err := s.Target(tt.route, tt.cluster, "GET", tt.path)
		if (err != nil) != (tt.host == "") || got.Host != tt.host || got.Path != tt.want {
			t.Errorf("Target(%q, %q, %q) = %+v, %v", tt.route, tt.cluster, tt.path, got, err)
		}
	}
	var none *Set
	if _, err := none.Target("host:api.test", "one", "GET", "/"); err == nil {
		t.Error("a nil set has a target")
	}
}

var form = regexp.MustCompile(`^ckr_git_[0-9a-hjkmnp-tv-z]{26}$`)

func TestPlaceholder(t *testing.T) {
	a, b := Key{1}.Placeholder("git"), Key{2}.Placeholder("git")
	if !form.MatchString(a) || a == b || a != (Key{1}).Placeholder("git") {
		t.Errorf("%s, %s", a, b)
	}
	if a[8:] == (Key{1}).Placeholder("gi")[7:] {
		t.Error("two names, one suffix")
	}
	// Replicas of any version must agree on it.
	if want := "ckr_git_qc2znf9d5gazshqa16c4937783"; a != want {
		t.Errorf("%s, want %s", a, want)
	}
	if got := fmt.Sprintf("%v %+v %#v %s %x %q %d", Key{1}, Key{1}, Key{1}, Key{1}, Key{1}, Key{1}, Key{1}); strings.Trim(got, "[key] ") != "" {
		t.Errorf("a key prints as %s", got)
	}
}

func TestTicket(t *testing.T) {
	a, err := NewTicket("git")
	if err != nil {
		t.Fatal(err)
	}
	b, err := NewTicket("git")
	if err != nil || !form.MatchString(a) || a == b {
		t.Errorf("%s, %s, %v", a, b, err)
	}
	if TicketHash(a) == TicketHash(b) || TicketHash(a) != TicketHash("ghp_"+a) {
		t.Error("a ticket's hash does not tell tickets apart, or depends on the prefix")
	}
	if _, err := NewTicket("A b"); err == nil {
		t.Error("a ticket for no name")
	}
}
