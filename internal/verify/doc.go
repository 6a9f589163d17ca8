// Package verify finds out whether the records of an instance are what was
// recorded, and whether a secret has leaked. It recomputes what it can from the
// records alone, and believes none of them more than what is signed.
//
// What is wrong is a finding, a value, and never an error. The package changes
// nothing, prints nothing, and opens no store: whoever calls it gives it what it
// reads.
package verify
