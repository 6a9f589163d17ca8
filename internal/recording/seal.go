package recording

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"cloakroom/internal/record"
)

// headerMax is the longest first line of a pack, in bytes.
const headerMax = 4 << 10

// header is a pack's first line.
type header struct {
	V       int         `json:"v"`
	Created time.Time   `json:"created"`
	Keep    int64       `json:"keep"` // seconds that its parts are kept for; 0: for ever
	Log     string      `json:"log"`  // id of the log that names its parts
	Seq     uint64      `json:"seq"`  // where that log ended when the pack began
	Hash    record.Hash `json:"hash"`
	KeyID   string      `json:"key_id,omitempty"` // of the key that wraps, 16 hex digits; empty: it is not said, in older packs
	Key     []byte      `json:"key"`              // the pack's own key, wrapped
}

var idText = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// packID is the id of the pack that begins with the line.
func packID(line []byte) string {
	sum := sha256.Sum256(line)
	return idText.EncodeToString(sum[:16])
}

// derive makes one of the keys that serve one purpose each.
func derive(key [32]byte, purpose string) ([32]byte, error) {
	b, err := hkdf.Key(sha256.New, key[:], nil, "cloakroom/recording/"+purpose, 32)
	if err != nil {
		return [32]byte{}, fmt.Errorf("deriving a key for %q: %w", purpose, err)
	}
	return [32]byte(b), nil
}

func newAEAD(key [32]byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// bound is what a wrapped key belongs to: the header without it.
func (h header) bound() []byte {
	h.Key = nil
	b, _ := json.Marshal(h) // of these types it does not fail
	return b
}

// newHeader makes a pack's line and its key.
func newHeader(h header, w wrapper) (line []byte, sealer cipher.AEAD, err error) {
	var key [32]byte
	rand.Read(key[:])
	h.V = 1
	w.wrap(&h, key)
	if sealer, err = newAEAD(key); err != nil {
		return nil, nil, err
	}
	line, err = json.Marshal(h)
	return append(line, '\n'), sealer, err
}

// parseHeader reads a pack's line.
func parseHeader(line []byte) (header, error) {
	var h header
	if err := json.Unmarshal(line, &h); err != nil || h.V != 1 || h.Keep < 0 || !bytes.HasSuffix(line, []byte("\n")) {
		return header{}, errors.New("it does not begin as a pack does")
	}
	return h, nil
}

// retention is how long its parts are kept; 0: for ever.
func (h header) retention() time.Duration { return time.Duration(h.Keep) * time.Second }

// A frame is a part as it stands in a pack: 42 bytes of its own header, then what
// is sealed.
const (
	frameHeader = 42
	frameTag    = 16
	exchangeLen = 26
)

// frame is what a frame's header says.
type frame struct {
	size     uint32 // of all of it
	number   uint32 // of the part, of its tape's
	exchange [exchangeLen]byte
	nonce    uint64 // counts up within the pack
}

func (f frame) append(buf []byte) []byte {
	buf = binary.BigEndian.AppendUint32(buf, f.size)
	buf = binary.BigEndian.AppendUint32(buf, f.number)
	buf = append(buf, f.exchange[:]...)
	return binary.BigEndian.AppendUint64(buf, f.nonce)
}

func parseFrame(b [frameHeader]byte) (frame, error) {
	f := frame{size: binary.BigEndian.Uint32(b[:]), number: binary.BigEndian.Uint32(b[4:]),
		exchange: [exchangeLen]byte(b[8:]), nonce: binary.BigEndian.Uint64(b[34:])}
	for _, c := range f.exchange {
		if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'z') {
			return frame{}, errors.New("no exchange's id stands where a part begins")
		}
	}
	if f.size < frameHeader+frameTag || f.number >= record.PartsMax {
		return frame{}, errors.New("no part begins where one should")
	}
	return f, nil
}

func (f frame) nonceBytes() []byte {
	return binary.BigEndian.AppendUint64(make([]byte, 4, 12), f.nonce)
}

// seal appends the frame that holds payload.
func (f frame) seal(buf []byte, key cipher.AEAD, payload []byte) []byte {
	f.size = uint32(frameHeader + len(payload) + frameTag)
	start := len(buf)
	buf = f.append(buf)
	return key.Seal(buf, f.nonceBytes(), payload, buf[start:])
}

// unseal opens all of a frame.
func unseal(key cipher.AEAD, raw []byte) (frame, []byte, error) {
	if len(raw) < frameHeader+frameTag {
		return frame{}, nil, errors.New("it is too short")
	}
	f, err := parseFrame([frameHeader]byte(raw))
	if err != nil || int(f.size) != len(raw) {
		return frame{}, nil, errors.New("it is no part")
	}
	payload, err := key.Open(nil, f.nonceBytes(), raw[frameHeader:], raw[:frameHeader])
	if err != nil {
		return frame{}, nil, errors.New("its seal is broken")
	}
	return f, payload, nil
}

// name is a pack's file, without what says whether it is closed.
func (h header) name(id string) string {
	return fmt.Sprintf("%s-%d-%d", id, h.Created.Unix(), h.Keep)
}
