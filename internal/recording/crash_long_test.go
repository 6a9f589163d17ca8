//go:build long

package recording

// kills is how often TestKilled kills.
const kills = 24 // each looks at all that was written before it
