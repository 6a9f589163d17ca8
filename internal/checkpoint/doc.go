// Package checkpoint signs how far a log is, and gives that to witnesses. This
// comment is the specification of the formats.
//
// # Tree
//
// The lines of a log (package record), each with its line feed, are the leaves
// of an RFC 6962 Merkle tree: entry 7 is leaf 6. The file "tree" in the log's
// folder keeps the tree's hashes in the order of golang.org/x/mod/sumdb/tlog,
// 32 bytes each. It is derived: who removes it loses nothing.
//
// # Checkpoint
//
// A checkpoint is a C2SP tlog-checkpoint, which is a signed note
// (golang.org/x/mod/sumdb/note):
//
//	cloakroom.log/<the log's id>
//	<entries, decimal>
//	<the tree's root, base64>
//
//	— cloakroom/<8 hex> <signature>
//
// The key is Ed25519, its seed the log key of the instance; the eight digits
// begin the SHA-256 of the public key. All logs of an instance have one key. The
// file "checkpoint" in the log's folder holds the latest one.
//
// # Witnesses
//
// A witness keeps checkpoints where whoever can rewrite the log cannot rewrite
// them unseen: a folder (Dir: in it "<log id>.checkpoints", notes one behind
// another), a bucket (Bucket: an object "<log id>/<size, 20 digits>" each), a
// C2SP tlog-witness (URL), which signs what is consistent with all that it saw
// before. What each has taken stands in the folder "witnessed" beside the log,
// with the witness's signature where it makes one: so a witness that was cut
// short is told from one that never heard.
//
// # Promises
//
// Nothing here is on a request's path, and no request waits for it. Only
// entries that are durable are signed. A log that does not continue its own
// checkpoint, or one that a witness took, is never signed again.
package checkpoint
