package recording

import (
	"bufio"
	"bytes"
	"context"
	"crypto/cipher"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"cloakroom/internal/bucket"
	"cloakroom/internal/record"

	"gocloud.dev/blob"
)

// keysMost is how many packs' keys are remembered.
const keysMost = 256

// Packs reads recordings from local packs and the outside store: it is a Reader.
// It is safe for concurrent use.
type Packs struct {
	dir    string // of the packs
	ring   ring
	bucket *blob.Bucket // nil: there is none

	mu    sync.Mutex
	paths map[string]string // of local packs, by id, as they were
	keys  map[string]cipher.AEAD
}

// OpenReader reads packs without recording, also while a service records in dir,
// the log's directory. store is as in Options, old as OldKeys there.
func OpenReader(ctx context.Context, dir string, key [32]byte, store string, old ...[32]byte) (*Packs, error) {
	ring, err := newRing(key, old...)
	if err != nil {
		return nil, err
	}
	p := &Packs{dir: filepath.Join(dir, packsFolder), ring: ring, keys: map[string]cipher.AEAD{}}
	if store != "" {
		if p.bucket, err = bucket.Open(ctx, store); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// Close releases the outside store.
func (p *Packs) Close() error {
	if p.bucket == nil {
		return nil
	}
	return p.bucket.Close()
}

// Read reads the recording that parts name. ErrGone: it was deleted; ErrErased: it
// was erased; ErrBroken: it is not what the log says; ErrKey: it cannot be opened
// here. A transcript that is not Complete has no end: the exchange was cut, or a part
// was lost.
func (p *Packs) Read(ctx context.Context, exchange string, parts []record.Part) (Transcript, error) {
	all, err := p.Plain(ctx, exchange, parts)
	if err != nil {
		return Transcript{}, err
	}
	parser := &parser{}
	for i, plain := range all {
		if err := parser.part(exchange, plain); err != nil {
			return Transcript{}, broken(parts[i], err)
		}
	}
	return parser.t, nil
}

// Plain reads the parts of a recording, for Parse, up to one that was lost. The errors
// are those of Read.
func (p *Packs) Plain(ctx context.Context, exchange string, parts []record.Part) (all [][]byte, err error) {
	if len(parts) == 0 {
		return nil, ErrNotRecorded
	}
	for _, part := range parts {
		f, plain, err := p.part(ctx, part)
		if errors.Is(err, ErrErased) {
			err = p.erased(ctx, parts, err)
		}
		if err != nil {
			return nil, err
		}
		if f.exchange != [exchangeLen]byte([]byte(exchange)[:min(len(exchange), exchangeLen)]) {
			return nil, broken(part, errors.New("it is another exchange's"))
		}
		if int(f.number) > len(all) { // the one before was lost, and the log says so
			return all, nil
		}
		all = append(all, plain)
	}
	return all, nil
}

// Blob reads what Recorder.Keep kept.
func (p *Packs) Blob(ctx context.Context, parts []record.Part) ([]byte, error) {
	var data []byte
	for i, part := range parts {
		f, plain, err := p.part(ctx, part)
		if err == nil && int(f.number) != i {
			err = broken(part, errors.New("it is not the part that it should be"))
		}
		if err != nil {
			return nil, err
		}
		data = append(data, plain...)
	}
	return data, nil
}

func broken(part record.Part, why error) error {
	return fmt.Errorf("reading pack %q: byte %d: %w: %w", part.Pack, part.At, why, ErrBroken)
}

// Check compares a part with what the log says of it: ErrGone, ErrErased, ErrBroken.
func (p *Packs) Check(ctx context.Context, part record.Part) error {
	_, err := p.sealed(ctx, part)
	return err
}

// whole reads all of a pack, from wherever it is.
func (p *Packs) whole(ctx context.Context, id string) (io.ReadCloser, error) {
	f, err := p.open(id)
	if err != nil || f != nil {
		return f, err
	}
	if p.bucket == nil {
		return nil, fmt.Errorf("reading pack %q: %w", id, ErrGone)
	}
	o, err := p.object(ctx, id)
	if err == nil && o == nil {
		err = ErrGone
	}
	if err != nil {
		return nil, fmt.Errorf("reading pack %q: %w", id, err)
	}
	return p.bucket.NewReader(ctx, o.Key, nil)
}

// sealed reads a part as it stands in its pack, which is what the log says of it,
// or an error.
func (p *Packs) sealed(ctx context.Context, part record.Part) ([]byte, error) {
	if part.At <= 0 || part.Size < frameHeader+frameTag || part.Size > plainMax {
		return nil, broken(part, errors.New("no part is like that"))
	}
	raw, err := p.bytes(ctx, part.Pack, part.At, part.Size)
	if err != nil {
		return nil, err
	}
	if int64(len(raw)) == part.Size && isErased(raw) {
		return nil, fmt.Errorf("reading pack %q: byte %d: %w", part.Pack, part.At, ErrErased)
	}
	if int64(len(raw)) != part.Size || sha256.Sum256(raw) != part.SHA256 {
		return nil, broken(part, errors.New("its hash is another"))
	}
	return raw, nil
}

// part reads a part, which is what the log says of it, or an error.
func (p *Packs) part(ctx context.Context, part record.Part) (frame, []byte, error) {
	raw, err := p.sealed(ctx, part)
	if err != nil {
		return frame{}, nil, err
	}
	key, err := p.key(ctx, part.Pack)
	if err != nil {
		return frame{}, nil, err
	}
	f, payload, err := unseal(key, raw)
	if err != nil {
		return frame{}, nil, broken(part, err)
	}
	plain, err := expander.DecodeAll(payload, nil)
	if err != nil {
		return frame{}, nil, broken(part, err)
	}
	return f, plain, nil
}

// key is the pack's own.
func (p *Packs) key(ctx context.Context, id string) (cipher.AEAD, error) {
	p.mu.Lock()
	key := p.keys[id]
	p.mu.Unlock()
	if key != nil {
		return key, nil
	}
	raw, err := p.bytes(ctx, id, 0, headerMax)
	if err != nil {
		return nil, err
	}
	s := scanner{r: bufio.NewReaderSize(bytes.NewReader(raw), headerMax)}
	line, err := s.line()
	if err == nil && packID(line) != id {
		err = errors.New("its first line is another")
	}
	var h header
	if err == nil {
		h, err = parseHeader(line)
	}
	if err != nil {
		return nil, broken(record.Part{Pack: id}, err)
	}
	if key, err = p.ring.open(h); err != nil {
		return nil, fmt.Errorf("reading pack %q: %w", id, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.keys) >= keysMost {
		clear(p.keys)
	}
	p.keys[id] = key
	return key, nil
}

// bytes reads up to n bytes of a pack, from wherever it is.
func (p *Packs) bytes(ctx context.Context, id string, at, n int64) ([]byte, error) {
	f, err := p.open(id)
	if err != nil {
		return nil, err
	}
	if f != nil {
		defer f.Close()
		return readAt(f, at, n)
	}
	if p.bucket == nil {
		return nil, fmt.Errorf("reading pack %q: %w", id, ErrGone)
	}
	return p.fetch(ctx, id, at, n)
}

// readAt reads what there is of n bytes. Memory is only taken for what is there.
func readAt(f *os.File, at, n int64) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("reading a pack: %w", err)
	}
	b := make([]byte, max(0, min(n, info.Size()-at)))
	if _, err := f.ReadAt(b, at); err != nil && err != io.EOF {
		return nil, fmt.Errorf("reading a pack: %w", err)
	}
	return b, nil
}

// open opens a local pack; nil: it is not here. Its name may change meanwhile.
func (p *Packs) open(id string) (*os.File, error) {
	for range 3 {
		p.mu.Lock()
		path := p.paths[id]
		p.mu.Unlock()
		if path != "" {
			f, err := os.Open(path)
			if err == nil || !errors.Is(err, os.ErrNotExist) {
				return f, err
			}
		}
		paths, err := local(p.dir)
		if err != nil {
			return nil, err
		}
		p.mu.Lock()
		p.paths = paths
		p.mu.Unlock()
		if paths[id] == "" {
			return nil, nil
		}
	}
	return nil, fmt.Errorf("opening pack %q: its name changes all the time", id)
}
