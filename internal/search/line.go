package search

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"time"
)

// A Book's file has a line for each value:
//
//	<id, 32 hex digits> <base64 of nonce and sealed fingerprint>
//
// sealed by AES-256-GCM, with the id's 32 digits as additional data, so that the
// file by itself tells no more than how many values there were and, within some
// bytes, of how many forms. Inside, in big-endian order:
//
//	seconds since 1970, when it came in force    8 bytes
//	length of the credential's name, the name    2 bytes, …
//	and for each form: kind, length, most,       1, 4, 4,
//	  window's hash, MAC                         4, 16 bytes

// errLine means that a line is no line of a Book.
var errLine = errors.New("not a line of fingerprints")

// ErrChanged means that lines of a Book are not what was written. The others are read.
var ErrChanged = errors.New("fingerprints that were changed, or made with another key")

// Kept is a fingerprint in a Book.
type Kept struct {
	Fingerprint
	Since time.Time // it came in force; seconds
}

const formBytes = 29

// ReadBook reads what the file at path holds, and what that makes of each number
// of lines: heads[n] is the head of the first n lines. What stands behind the last
// line feed is being written, and left out. With ErrChanged, kept and heads are those
// of what can be read.
func ReadBook(path string, k Key) (kept []Kept, heads []Head, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, fmt.Errorf("reading fingerprints %q: %w", path, err)
	}
	h := sha256.New()
	heads = append(heads, Head{})
	for line := range bytes.Lines(text[:bytes.LastIndexByte(text, '\n')+1]) {
		h.Write(line)
		heads = append(heads, Head{len(heads), [sha256.Size]byte(h.Sum(nil))})
		one, unsealed := k.unseal(line)
		if unsealed == nil {
			kept = append(kept, one)
		} else if err == nil {
			err = fmt.Errorf("reading fingerprints %q: line %d: %w: %w", path, len(heads)-1, unsealed, ErrChanged)
		}
	}
	return kept, heads, err
}

func (k *Key) aead() cipher.AEAD {
	block, err := aes.NewCipher(k.book[:])
	if err != nil {
		panic(err) // 32 bytes always make one
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err)
	}
	return aead
}

// seal makes the line of a fingerprint.
func (k *Key) seal(f Kept) []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(f.Since.Unix()))
	b = binary.BigEndian.AppendUint16(b, uint16(len(f.Credential)))
	b = append(b, f.Credential...)
	for _, form := range f.Forms {
		b = append(b, byte(form.Kind))
		b = binary.BigEndian.AppendUint32(b, uint32(form.Length))
		b = binary.BigEndian.AppendUint32(b, uint32(form.Most))
		b = binary.BigEndian.AppendUint32(b, form.Window)
		b = append(b, form.MAC[:]...)
	}
	line := hex.AppendEncode(nil, f.ID[:])
	sealed := k.aead().Seal(nil, nil, b, line)
	line = append(line, ' ')
	return append(base64.StdEncoding.AppendEncode(line, sealed), '\n')
}

// cutLine takes a line apart.
func cutLine(line []byte) (id MAC, sealed []byte, err error) {
	digits, rest, ok := bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte(" "))
	if !ok || len(digits) != 2*len(id) {
		return id, nil, errLine
	}
	if _, err := hex.Decode(id[:], digits); err != nil {
		return id, nil, errLine
	}
	return id, rest, nil
}

// unseal reads a line.
func (k *Key) unseal(line []byte) (f Kept, err error) {
	if f.ID, line, err = cutLine(line); err != nil {
		return f, err
	}
	sealed, err := base64.StdEncoding.AppendDecode(nil, line)
	if err != nil {
		return f, errLine
	}
	b, err := k.aead().Open(nil, nil, sealed, hex.AppendEncode(nil, f.ID[:]))
	if err != nil {
		return f, errors.New("sealed with another key, or changed")
	}
	return f, f.read(b)
}

// read reads what was sealed, without the id.
func (f *Kept) read(b []byte) error {
	if len(b) < 10 {
		return errLine
	}
	f.Since = time.Unix(int64(binary.BigEndian.Uint64(b)), 0).UTC()
	n := int(binary.BigEndian.Uint16(b[8:]))
	if b = b[10:]; len(b) < n || (len(b)-n)%formBytes != 0 {
		return errLine
	}
	f.Credential, b = string(b[:n]), b[n:]
	for ; len(b) > 0; b = b[formBytes:] {
		f.Forms = append(f.Forms, Form{
			Kind:   Kind(b[0]),
			Length: int(binary.BigEndian.Uint32(b[1:])),
			Most:   int(binary.BigEndian.Uint32(b[5:])),
			Window: binary.BigEndian.Uint32(b[9:]),
			MAC:    MAC(b[13:]),
		})
	}
	return nil
}
