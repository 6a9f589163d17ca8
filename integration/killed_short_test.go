//go:build !long

package integration

// killings are how often TestKilledUnderLoad kills; more with -tags long.
const killings = 3
