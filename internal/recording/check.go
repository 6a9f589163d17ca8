package recording

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"

	"cloakroom/internal/record"
)

// erased is err, which says that one of the parts was erased, or that another is still
// there.
func (p *Packs) erased(ctx context.Context, parts []record.Part, err error) error {
	for _, part := range parts {
		switch is := p.Check(ctx, part); {
		case is == nil:
			return broken(part, errOthersErased)
		case !errors.Is(is, ErrErased) && !errors.Is(is, ErrGone):
			return is
		}
	}
	return err
}

var errOthersErased = errors.New("other parts of the exchange were erased")

// CheckPack compares all of a pack with what the log told of it: details of the act
// "pack", when it was closed, and of acts "erase", before anything in it was erased.
// So what no entry names is found. Parts of exchanges for which erased is true count
// as erased, however far that has come: ErrGone, ErrBroken.
func (p *Packs) CheckPack(ctx context.Context, id string, told []string, erased func(exchange string) bool) error {
	asIs := func(r io.Reader) ([]byte, error) {
		h := sha256.New()
		_, err := io.Copy(h, r)
		return h.Sum(nil), err
	}
	blanked := func(r io.Reader) ([]byte, error) { return sumWithout(r, erased) }
	for _, sum := range []func(io.Reader) ([]byte, error){asIs, blanked} {
		is, err := p.sum(ctx, id, sum)
		if err != nil && !errors.Is(err, errPack) {
			return err
		}
		if err == nil && slices.Contains(told, closedDetail(is)) {
			return nil
		}
	}
	return fmt.Errorf("reading pack %q: it is not what it was when it was closed: %w", id, ErrBroken)
}

func (p *Packs) sum(ctx context.Context, id string, sum func(io.Reader) ([]byte, error)) ([]byte, error) {
	r, err := p.whole(ctx, id)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	is, err := sum(r)
	if err != nil {
		return nil, fmt.Errorf("reading pack %q: %w", id, err)
	}
	return is, nil
}

// sumWithout is the SHA-256 that a pack has once the parts of some exchanges are
// erased.
func sumWithout(r io.Reader, erased func(exchange string) bool) ([]byte, error) {
	s := scanner{r: bufio.NewReaderSize(r, 64<<10)}
	h := sha256.New()
	line, err := s.line()
	h.Write(line)
	for err == nil {
		var head [frameHeader]byte
		if _, err = io.ReadFull(s.r, head[:]); err != nil {
			break
		}
		h.Write(head[:])
		f, wrong := parseFrame(head)
		if wrong != nil {
			return nil, fmt.Errorf("%w: %w", errPack, wrong)
		}
		sealed := io.LimitReader(s.r, int64(f.size)-frameHeader)
		if erased(string(f.exchange[:])) {
			sealed = zeros{sealed}
		}
		_, err = io.Copy(h, sealed)
	}
	switch err {
	case io.EOF:
		return h.Sum(nil), nil
	case io.ErrUnexpectedEOF:
		return nil, fmt.Errorf("%w: %w", errPack, err)
	}
	return nil, err
}

// zeros reads as many zeros as there are bytes.
type zeros struct{ of io.Reader }

func (z zeros) Read(b []byte) (int, error) {
	n, err := z.of.Read(b)
	clear(b[:n])
	return n, err
}

// closedDetail is what the log says of a pack with that hash.
func closedDetail(sum []byte) string { return "sha256 " + hex.EncodeToString(sum) }
