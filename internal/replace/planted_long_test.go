//go:build long

package replace

const planted = 1_000_000
