package extproc

import (
	"slices"
	"testing"

	"cloakroom/internal/access"
	"cloakroom/internal/exchange"
)

// TestLength: what a head says of a body's length goes unless the exchange says that
// it may stay, and never comes from us.
func TestLength(t *testing.T) {
	for _, keeps := range []bool{false, true} {
		m, err := mutation(exchange.Change{KeepsLength: keeps})
		if err != nil || slices.Contains(m.GetRemoveHeaders(), "content-length") == keeps {
			t.Errorf("keeps %v: %v, %v", keeps, m, err)
		}
	}
	for _, c := range []exchange.Change{{Set: []access.Header{{Name: "content-length", Value: "1"}}}, {Remove: []string{"content-length"}}} {
		if m, err := mutation(c); err != errHeader {
			t.Errorf("%+v: %v, %v", c, m, err)
		}
	}
}
