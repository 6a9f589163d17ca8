// Package search finds values in texts, in every form that docs/masking.md
// lists, slowly and in the obvious way. It is what the masking is judged by, and
// shares no code with it: where package replace looks at as little of a text as
// it can, this one reads all of it in every reading.
//
// # Fingerprints
//
// Whoever searches need not know what for. Of each form of a value a
// [Fingerprint] keeps its length, a keyed hash of 32 bits of its last eight bytes
// and an HMAC-SHA256 of all of it, cut to 16 bytes. At every place of a text the
// hash of the eight bytes in front of it is looked up; where it is known, the MAC
// of as many bytes as the form has decides. So a value that was rotated or
// deleted can be searched for without being kept. Without the key a fingerprint
// tells the value's length; with it, its last eight bytes can be found out, since
// the windows of hex hold two to four of them, and guesses of the rest be tried.
//
// # Readings
//
// A text is searched as it is; without the zero bytes of UTF-16; with its
// escapes decoded once, twice and three times; as quoted-printable, and then with
// its escapes decoded once and twice; and each of these but the first once more,
// for base64 and hex, without the breaks between their lines. The first up to
// four characters of an occurrence may have been read as part of an escape in
// front of it.
//
// The package promises to find in a text of any length what it would find in it
// by trying every form at every place; the fuzz test beside package replace's
// oracle holds it to that. It does not know of flush points: a text is one text.
package search
