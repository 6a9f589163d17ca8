//go:build !long

package integration

import "time"

// stormLasts is how long TestStorm's goes on; longer with -tags long.
const stormLasts = 8 * time.Second
