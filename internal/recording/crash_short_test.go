//go:build !long

package recording

// kills is how often TestKilled kills.
const kills = 5
