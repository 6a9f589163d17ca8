package exchange

import (
	"slices"
	"strings"

	"cloakroom/internal/access"
)

// unmaskedNames are the headers and trailers that tell of the bytes before
// masking and decoding: digests and validators of bytes that the agent never
// gets, signatures over those digests, an offer of parts that would cut a value
// in two. The length is the transport's to write anew.
var unmaskedNames = []string{
	"content-md5", "digest", "repr-digest", "content-digest", "signature", "signature-input",
	"accept-ranges", "content-range", "x-goog-hash", "x-ms-blob-content-md5", "x-ms-content-crc64",
	"x-amz-sha256-tree-hash", "x-bz-content-sha1", "x-oss-hash-crc64ecma", "x-cos-hash-crc64ecma",
}

// unmaskedPrefixes are how other such names begin: stores of objects give
// digests and lengths of what they store.
var unmaskedPrefixes = []string{"x-amz-checksum-", "x-checksum-", "x-goog-stored-content-"}

// describesUnmasked tells whether a line tells of the bytes before masking. A
// weak validator speaks of the meaning.
func describesUnmasked(line access.Header) bool {
	if line.Name == "etag" {
		return !weak(line.Value)
	}
	return slices.Contains(unmaskedNames, line.Name) ||
		slices.ContainsFunc(unmaskedPrefixes, func(p string) bool { return strings.HasPrefix(line.Name, p) })
}

// weak tells whether a text is one weak validator and nothing else: several
// lines may have been joined to one on the way.
func weak(etag string) bool {
	return strings.HasPrefix(etag, `W/"`) && strings.Count(etag, `"`) == 2
}
