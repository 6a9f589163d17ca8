package main

import (
	"testing"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/inventory"
)

// A tier that asks for little shortens nothing for the others.
func TestRetentionOf(t *testing.T) {
	const all = 90 * 24 * time.Hour
	rules := []inventory.Rule{{Hosts: []string{"api.example"}, Methods: []string{"GET"}, Paths: []string{"/**"}, In: []access.Location{{Kind: access.InCredentials}}}}
	tier := func(kept time.Duration) inventory.Tier {
		return inventory.Tier{Name: "low", Lease: time.Minute, Retention: kept}
	}
	set, err := inventory.New(inventory.Key{1}, []inventory.Credential{{Name: "short", Tier: tier(time.Hour), Rules: rules}, {Name: "usual", Tier: tier(0), Rules: rules},
		{Name: "long", Tier: tier(2 * all), Rules: rules}}, []inventory.Upstream{{Host: "api.example", Route: "api", Cluster: "api"}}, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		credentials []string
		want        time.Duration
	}{{nil, all}, {[]string{"none"}, all}, {[]string{"short"}, time.Hour}, {[]string{"usual"}, all}, {[]string{"short", "usual"}, all},
		{[]string{"usual", "short"}, all}, {[]string{"short", "long"}, 2 * all}} {
		if got := retentionOf(set, tt.credentials, all); got != tt.want {
			t.Errorf("%q: %v, want %v", tt.credentials, got, tt.want)
		}
	}
}
