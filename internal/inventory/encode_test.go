package inventory

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"cloakroom/internal/access"
)

func TestEncodedRulesPermitTheSame(t *testing.T) {
	s, err := New(Key{1}, []Credential{
		{Name: "b", Groups: []access.Group{{Issuer: "https://i", Name: "g"}}, Tier: Tier{Name: "high", Lease: time.Minute,
			Approval: &Approval{Count: 2, Approvers: []access.Group{{Issuer: "https://i", Name: "oncall"}}}},
			Rules: []Rule{{Hosts: []string{"api"}, Methods: []string{"GET"}, Paths: []string{"/a/**"}, In: []access.Location{{Kind: access.InQuery, Name: "k"}}}}},
		{Name: "a", Prefix: "ghp_"},
	}, []Upstream{{Host: "api", Route: "host:api", Cluster: "upstream:api"}}, true)
	if err != nil {
		t.Fatal(err)
	}
	text, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}
	decoded, err := Decode(text)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(decoded, s) {
		t.Errorf("got %+v, want %+v", decoded, s)
	}
	again, err := decoded.Encode()
	if err != nil || !bytes.Equal(again, text) {
		t.Errorf("encoded again: %s, %v, was %s", again, err, text)
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, text := range []string{"", "[]", `{"Credentials":[{"Name":"A b"}]}`, `{"Credentials":[{"Name":"a","Rules":[{"In":["nowhere"]}]}]}`} {
		if _, err := Decode([]byte(text)); err == nil {
			t.Errorf("%q: no error", text)
		}
	}
}

// TestManyFaults are told by the first alone: rules of a stranger's may have millions.
func TestManyFaults(t *testing.T) {
	text := `{"Credentials":[{"Name":"a","Rules":[{"Hosts":["h"],"Methods":["GET"],"Paths":[""` + strings.Repeat(`,""`, 100_000) + `]}]}]}`
	if _, err := Decode([]byte(text)); err == nil || len(err.Error()) > 1000 {
		t.Errorf("%d bytes of words", len(fmt.Sprint(err)))
	}
}
