//go:build !race

package replace

const raceDetector = false
