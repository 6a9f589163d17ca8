// Package replace rewrites text as it streams: every form of every known value
// becomes a mask.
//
// # What is found
//
// [Compile] turns each value into the forms in which it is looked for to the
// letter: as it is; in base64, either alphabet, at each of the three places in a
// group of three bytes at which it can begin, and in base64 of these; in hex,
// with separators or without. A value of several lines is also looked for line
// by line, since a stream may be cut, indented or prefixed at its lines.
//
// Escapes cannot be listed: any of a value's characters may be written in many
// ways. Where an escape stands that can be part of a value, the text is viewed
// as it reads: decoded (JSON and JavaScript, percent, HTML) up to three times,
// as quoted-printable, without the line breaks of base64 and hex, without the
// zero bytes of UTF-16. A view knows where each of its bytes comes from, so that
// an occurrence in it is one in the text. An occurrence whose first bytes were
// read as part of an escape in front of it is found too.
//
// # What is written
//
// All occurrences of all forms are found, overlapping ones too, and every byte
// of each of them is masked. They are taken in order of where they begin, the
// longest first. One that begins where nothing is masked yet begins a union:
//
//   - A text form (all but base64 and hex) writes the mask for its name once.
//     Whatever overlaps it, directly or through others, disappears into that
//     mask. In UTF-16 it is asterisks instead.
//   - Base64 and hex write filler, which decodes to asterisks, a character for
//     each of the form's; what was left out of the view stays. An occurrence that
//     overlaps the filler and goes on behind it writes its own filler for the
//     rest, or its own mask in place of the rest.
//
// Occurrences that merely touch are masked one after the other.
//
// In base64 the value's first and last bits may share a character with the
// neighbouring bytes. Such a character keeps its neighbour's bits and gets the
// asterisk's, so that the neighbours decode as before. It is changed whatever
// its own bits are: were it changed only when they are the value's, whoever can
// write there could learn them by trying.
//
// # What is promised
//
// However the input is cut, the whole output is the same. How much of it is
// kept at the end of a chunk follows from the function release alone: from how
// much has come since the last flush point, and from the longest form of any
// value. It never follows from whether the text begins like a value, since
// delays would then tell a value byte by byte to whoever can have text echoed.
// Nothing changes outside an occurrence and its base64 boundary characters.
//
// # What is not done
//
// docs/masking.md lists what is out of reach. Compressed text is somebody else's
// to decode, and so are frames and messages.
package replace
