//go:build race

package replace

const raceDetector = true
