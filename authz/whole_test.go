package authz

import (
	"strings"
	"testing"

	"cloakroom/internal/access"
)

// TestWhole: an approval may speak of a body only where all of it was seen.
func TestWhole(t *testing.T) {
	most := strings.Repeat("x", access.JudgedBody)
	for name, tt := range map[string]struct {
		route, body string
		headers     []string
		want        bool
	}{
		"the head alone, length unknown":     {"r", "", nil, false},
		"the head alone, length 0":           {"r", "", []string{"content-length", "0"}, true},
		"the head alone, some length":        {"r", "", []string{"content-length", "4"}, false},
		"no route":                           {"", "", nil, false},
		"a body that ends":                   {"r+body", "{}", nil, true},
		"a body that ends, for Check alone":  {"r+check", "{}", nil, true},
		"no body":                            {"r+check", "", nil, true},
		"its length":                         {"r+check", "{}", []string{"content-length", "2"}, true},
		"another length":                     {"r+check", "{}", []string{"content-length", "3"}, false},
		"a length of a body that is hidden":  {"r+check", "", []string{"content-length", "3"}, false},
		"two lengths":                        {"r+check", "{}", []string{"content-length", "2", "content-length", "3"}, false},
		"the length in other digits":         {"r+check", "{}", []string{"content-length", "+2"}, false},
		"cut":                                {"r+check", "{}", []string{"x-envoy-auth-partial-body", "true"}, false},
		"not cut":                            {"r+check", "{}", []string{"x-envoy-auth-partial-body", "false"}, true},
		"as much as may be seen":             {"r+check", most, nil, false},
		"as much as may be seen, its length": {"r+check", most, []string{"content-length", "65536"}, true},
		"one less":                           {"r+check", most[1:], nil, true},
		"an upgrade":                         {"r+upgrade", "", nil, false},
		"an upgrade with a length":           {"r+upgrade", "", []string{"content-length", "0"}, false},
	} {
		d, in := &decider{}, request()
		in.Attributes.ContextExtensions[routeExtension] = tt.route
		h := in.Attributes.Request.Http
		h.RawBody, h.HeaderMap = []byte(tt.body), raw(tt.headers...)
		check(t, d, in)
		if d.asked.BodyWhole != tt.want {
			t.Errorf("%s: whole: %v", name, d.asked.BodyWhole)
		}
	}
}
