//go:build !long

package replace

// planted is how many values are planted; a million with -tags long.
const planted = 20_000
