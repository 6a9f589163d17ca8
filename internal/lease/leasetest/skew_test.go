package leasetest

import (
	"testing"
	"time"
)

func TestSkew(t *testing.T) {
	now := time.Now()
	for _, by := range []time.Duration{0, time.Second, -time.Hour, 3000 * time.Hour} {
		got := Skew(now, by)
		if got.Sub(now) != 0 || got.Round(0).Sub(now.Round(0)) != by {
			t.Errorf("by %s: the monotonic reading moved by %s, the wall's by %s", by, got.Sub(now), got.Round(0).Sub(now.Round(0)))
		}
	}
}
