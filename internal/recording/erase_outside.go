package recording

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"

	"cloakroom/internal/bucket"
	"cloakroom/internal/record"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
)

// eraseOutside puts a pack without the parts in the place of each object of the pack,
// until there is none that has them: somebody else may do the same.
func (p *Packs) eraseOutside(ctx context.Context, id string, parts []erased, tell func(record.Act) error) error {
	for before := ""; ; {
		o, wrong := p.unerased(ctx, id, parts)
		switch {
		case o.key == "" && wrong != nil:
			return wrong
		case o.key == "":
			return deleteVersions(ctx, p.bucket, id)
		case o.key == before:
			return fmt.Errorf("object %q, which has all of it, is there again", o.key)
		}
		before = o.key
		if err := blankAndTell(id, o.raw, o.parts, tell); err != nil {
			return err
		}
		if err := p.putOutside(ctx, o.key, o.raw); err != nil {
			return fmt.Errorf("storing what is left of object %q: %w", o.key, err)
		}
		if err := p.deleteOutside(ctx, o.key); err != nil {
			return fmt.Errorf("deleting object %q, which has all of it still: %w", o.key, err)
		}
	}
}

// object is one of the outside store, with the parts in it that are to be erased.
type object struct {
	key   string
	raw   []byte
	parts []erased
}

// unerased finds an object of the pack in which a part is not erased, or not what is
// erased in another: who erases at the same time, elsewhere, may have begun with what was
// there before. Where there is none, an error tells of parts that are not there.
func (p *Packs) unerased(ctx context.Context, id string, parts []erased) (object, error) {
	all, err := p.objects(ctx, id)
	if err != nil {
		return object{}, err
	}
	var others []erased
	for _, o := range all {
		others = append(others, blanks(o.raw)...)
	}
	var wrong error
	for _, o := range all {
		there, not := within(o.raw, parts)
		more, _ := within(o.raw, others)
		o.parts = append(there, more...)
		if blank(bytes.Clone(o.raw), o.parts) > 0 {
			return o, nil
		}
		wrong = errors.Join(wrong, not)
	}
	return object{}, wrong
}

// objects reads the objects of a pack, of which there is one where nothing is done to it.
// Where one is taken away meanwhile, what took its place may not have been listed.
func (p *Packs) objects(ctx context.Context, id string) (all []object, err error) {
	for range 10 {
		all, err = p.listedNow(ctx, id)
		if gcerrors.Code(err) != gcerrors.NotFound {
			return all, err
		}
	}
	return nil, fmt.Errorf("its objects change all the time: %w", err)
}

func (p *Packs) listedNow(ctx context.Context, id string) (all []object, err error) {
	for objects := p.bucket.List(&blob.ListOptions{Prefix: id + "-"}); ; {
		o, err := objects.Next(ctx)
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("looking for it in the outside store: %w", err)
		}
		raw, err := p.bucket.ReadAll(ctx, o.Key)
		if err != nil {
			return nil, err
		}
		all = append(all, object{key: o.Key, raw: raw})
	}
}

// putOutside stores what a pack is now beside the object that it was.
func (p *Packs) putOutside(ctx context.Context, was string, raw []byte) error {
	sum := sha256.Sum256(raw)
	key := objectKey(was[:strings.LastIndexByte(was, '-')], sum[:])
	if err := bucket.Put(ctx, p.bucket, key, bytes.NewReader(raw), nil); err != nil {
		return err
	}
	return p.stored(ctx, key, sum[:])
}
