//go:build !long

package checkpoint

const kills = 15
