//go:build long

package integration

const killings = 40
