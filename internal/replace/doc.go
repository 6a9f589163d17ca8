// Package replace rewrites text as it streams: every form of every known value
// becomes a mask.
//
// # What is found
//
// [Compile] turns each value into the forms in which a server may give it back:
// as it is; escaped for JSON; percent- and form-encoded; in base64, either
// alphabet, at each of the three places in a group of three bytes at which it
// can begin; in hex; escaped for HTML. A value of several lines is also looked
// for line by line, since a stream may be cut, indented or prefixed at its
// lines.
//
// # What is written
//
// All occurrences of all forms are found, overlapping ones too, and every byte
// of each of them is masked. They are taken in order of where they begin, the
// longest first. One that begins where nothing is masked yet begins a union:
//
//   - A text form (all but base64 and hex) writes the mask for its name once.
//     Whatever overlaps it, directly or through others, disappears into that
//     mask.
//   - Base64 and hex write filler of equal length, which decodes to asterisks.
//     An occurrence that overlaps the filler and goes on behind it writes its
//     own filler for the rest, or its own mask in place of the rest.
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
// Forms of forms are not looked for (base64 of base64, base64 wrapped in lines,
// base64 that was then percent-encoded), nor text in which only some of the
// characters are escaped that a known encoder escapes, nor values of fewer than
// [Shortest] bytes. Compressed text is somebody else's to decode.
package replace
