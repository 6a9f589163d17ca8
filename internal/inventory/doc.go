// Package inventory holds what is declared: credentials with their rules, the
// upstreams they may go to, and the placeholders that stand for them. It tells
// where a request really goes (Set.Target), whether a credential may go there
// (Credential.Permits), and which placeholders a request carries and whether
// they stand where they count (Set.Find).
//
// It promises that everything in a Set is immutable and safe for concurrent
// use, that a path is permitted only if every reading a backend could give it
// is, and that its work is bounded whatever a client sends.
//
// It deliberately holds no value, reads no file, and decides nothing: who may
// use a credential is policy's to say.
package inventory
