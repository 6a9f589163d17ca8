package recording

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"

	"cloakroom/internal/record"
)

// Erasure is an exchange whose recording is to be erased, and the parts that its end
// names.
type Erasure struct {
	Exchange string
	Parts    []record.Part
}

// Erase erases recordings for good, here and in the outside store: what is sealed in
// their parts becomes zeros, and the rest of each pack stays what it is. The log has
// an act for each exchange before. tell puts into the log what Erase says of a pack,
// and returns once it is there; only then is anything of the pack overwritten.
//
// Where it did not come to its end it can be done again. What is gone is left out. The
// error is of packs; left are the exchanges of which something may still be there
// therefore.
func (p *Packs) Erase(ctx context.Context, what []Erasure, tell func(record.Act) error) (left map[string]bool, failed error) {
	packs := map[string][]erased{}
	for _, e := range what {
		for _, part := range e.Parts {
			packs[part.Pack] = append(packs[part.Pack], erased{part, e.Exchange})
		}
	}
	left = map[string]bool{}
	for _, id := range slices.Sorted(maps.Keys(packs)) {
		err := ctx.Err()
		if err == nil {
			err = p.erasePack(ctx, id, packs[id], tell)
		}
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("erasing in pack %q: %w", id, err))
			for _, part := range packs[id] {
				left[part.exchange] = true
			}
		}
	}
	return left, failed
}

// erased is a part that is to be erased, of an exchange.
type erased struct {
	record.Part
	exchange string
}

func (p *Packs) erasePack(ctx context.Context, id string, parts []erased, tell func(record.Act) error) error {
	pack, err := p.lockPack(ctx, id)
	if err != nil {
		return err
	}
	if pack != nil {
		defer pack.Close()
	}
	packs, err := lock(ctx, p.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err == nil {
		defer packs.Close()
	}
	err = p.eraseHere(id, parts, tell)
	if p.bucket != nil {
		err = errors.Join(err, p.eraseOutside(ctx, id, parts, tell))
	}
	return err
}

// lockPack keeps a pack that is here from being taken elsewhere; nil: it is not here.
func (p *Packs) lockPack(ctx context.Context, id string) (io.Closer, error) {
	for range 3 {
		paths, err := local(p.dir)
		if err != nil || paths[id] == "" {
			return nil, err
		}
		pack, err := lock(ctx, paths[id])
		if !errors.Is(err, fs.ErrNotExist) { // else its name has changed, or it was taken
			return pack, err
		}
	}
	return nil, fmt.Errorf("locking pack %q: its name changes all the time", id)
}

// eraseHere erases in place: what wrote the file goes on behind.
func (p *Packs) eraseHere(id string, parts []erased, tell func(record.Act) error) error {
	paths, err := local(p.dir)
	if err != nil || paths[id] == "" {
		return err
	}
	f, err := os.OpenFile(paths[id], os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) { // its time was over
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	raw, err := io.ReadAll(f)
	if err != nil {
		return err
	}
	there, wrong := within(raw, parts)
	if err := blankAndTell(id, raw, there, tell); err != nil {
		return err
	}
	for _, part := range there {
		at := part.At + frameHeader
		if _, err := f.WriteAt(raw[at:part.At+part.Size], at); err != nil {
			return err
		}
	}
	return errors.Join(wrong, f.Sync()) // also of what was erased before: who did that may not have come so far
}

// blankAndTell blanks parts in the bytes of a pack, and tells what the pack will be.
func blankAndTell(id string, raw []byte, parts []erased, tell func(record.Act) error) error {
	n := blank(raw, parts)
	if n == 0 {
		return nil
	}
	sum := sha256.Sum256(raw)
	return tell(record.Act{Name: ActErase, Target: id, N: n, Detail: closedDetail(sum[:])})
}

// ActErase is the name of the acts of erasing: one for each exchange, and one for each
// pack that tells its hash from then on, as the act "pack" did.
const ActErase = "erase"

// ErasureText is the text of an act that erases which the key of the log signs: who can
// only write the log has nothing taken for erased by that. Of an act about a pack it
// has the hash too; what an act says besides is masked as it is logged, and may change.
func ErasureText(a record.Act) string {
	if a.Exchange != "" {
		return "cloakroom erases exchange\n" + a.Exchange + "\n"
	}
	return "cloakroom erases in pack\n" + a.Target + "\n" + a.Detail + "\n"
}

// within are the parts that stand in the bytes of a pack, of the exchange that they
// are to be of. The error tells of the others.
func within(raw []byte, parts []erased) (there []erased, wrong error) {
	for _, p := range parts {
		if p.At <= 0 || p.Size < frameHeader+frameTag || p.At > int64(len(raw))-p.Size {
			wrong = errors.Join(wrong, broken(p.Part, errors.New("no part is like that")))
			continue
		}
		f, err := parseFrame([frameHeader]byte(raw[p.At:]))
		if err != nil || int64(f.size) != p.Size || string(f.exchange[:]) != p.exchange {
			wrong = errors.Join(wrong, broken(p.Part, errors.New("it is not one of the exchange's")))
			continue
		}
		there = append(there, p)
	}
	return there, wrong
}

// blank blanks parts in the bytes of a pack, where they are, and returns how many were
// not blank.
func blank(raw []byte, parts []erased) (n int) {
	for _, p := range parts {
		if b := raw[p.At : p.At+p.Size]; !isErased(b) {
			clear(b[frameHeader:])
			n++
		}
	}
	return n
}

// blanks are the parts in the bytes of a pack that were erased.
func blanks(raw []byte) (all []erased) {
	for at := bytes.IndexByte(raw, '\n') + 1; at+frameHeader <= len(raw); {
		f, err := parseFrame([frameHeader]byte(raw[at:]))
		if err != nil || int64(f.size) > int64(len(raw)-at) {
			break
		}
		if isErased(raw[at : at+int(f.size)]) {
			all = append(all, erased{record.Part{At: int64(at), Size: int64(f.size)}, string(f.exchange[:])})
		}
		at += int(f.size)
	}
	return all
}

// isErased tells whether a part was erased. No seal is all zeros.
func isErased(raw []byte) bool {
	if len(raw) < frameHeader+frameTag {
		return false
	}
	f, err := parseFrame([frameHeader]byte(raw))
	return err == nil && int(f.size) == len(raw) && len(bytes.TrimLeft(raw[frameHeader:], "\x00")) == 0
}
