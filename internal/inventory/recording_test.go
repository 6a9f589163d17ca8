package inventory

import (
	"testing"

	"cloakroom/internal/access"
)

func TestRecordingOf(t *testing.T) {
	rules := []Recording{
		{Credentials: []string{"pay", "refund"}, Hosts: []string{"pay.test"}, Bodies: "none"},
		{Hosts: []string{"files.test"}, Bodies: "hash", Bodiless: true},
		{Paths: []string{"/open/patients/**"}, Bodies: "full"},
		{Paths: []string{"/patients/**", "/people"}, Bodies: "hash"},
		{Credentials: []string{"all"}, Bodies: "full"},
	}
	for name, tt := range map[string]struct {
		host, path string
		uses       []string
		want       string
	}{
		"nothing speaks of it":               {"api.test", "/", nil, ""},
		"a credential that it may use":       {"pay.test", "/x", []string{"other", "refund"}, "none"},
		"one of another host":                {"api.test", "/x", []string{"pay"}, ""},
		"a host, whatever it uses":           {"files.test", "/x", []string{"all"}, "hash"},
		"a path":                             {"api.test", "/patients/7?x=1", nil, "hash"},
		"the first that speaks of it":        {"pay.test", "/people", []string{"pay"}, "none"},
		"one of two readings of a path":      {"api.test", "/x/../patients/7", nil, "hash"},
		"a path that hides":                  {"api.test", "/%70atients/7", nil, "hash"},
		"a path that nobody can read":        {"api.test", "/%zz", []string{"all"}, "hash"},
		"no path of those":                   {"api.test", "/patient", []string{"all"}, "full"},
		"a path for which all is kept":       {"api.test", "/open/patients/7", nil, "full"},
		"a credential that it may not use":   {"pay.test", "/x", nil, ""},
		"a path of which a part looks alike": {"api.test", "/people/7", nil, ""},
	} {
		got, ok := RecordingOf(rules, access.Target{Method: "GET", Host: tt.host, Path: tt.path}, tt.uses)
		if got.Bodies != tt.want || ok != (tt.want != "") {
			t.Errorf("%s: %q, %v", name, got.Bodies, ok)
		}
	}
	if ShowsRequests(rules, "files.test") || !ShowsRequests(rules, "pay.test") {
		t.Error("the requests of the wrong host are asked for")
	}
}
