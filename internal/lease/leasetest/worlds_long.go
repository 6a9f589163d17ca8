//go:build long

package leasetest

// longer is how many times more worlds a test runs than it says.
const longer = 10
