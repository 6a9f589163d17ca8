//go:build long

package integration

import "time"

// stormLasts is how long TestStorm's goes on.
const stormLasts = 2 * time.Minute
