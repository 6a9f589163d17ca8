//go:build !amd64

package replace

func indexClass(text []byte, classes uint8) int { return indexClassByBytes(text, classes) }
