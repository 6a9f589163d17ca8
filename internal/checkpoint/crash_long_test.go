//go:build long

package checkpoint

const kills = 1500
