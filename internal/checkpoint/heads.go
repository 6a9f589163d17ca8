package checkpoint

import (
	"context"
	"maps"
	"slices"

	"cloakroom/internal/record"
)

// Heads is where replicas put their latest checkpoints for each other. What
// stands there is believed only if it is signed.
type Heads interface {
	// PutHead keeps the note of a log's checkpoint, unless there is a larger one.
	PutHead(ctx context.Context, log string, size int64, note []byte) error
	// Heads are the notes of all logs, by log.
	Heads(ctx context.Context) (map[string][]byte, error)
}

// StoreName is the name under which there is a receipt for the head in the store.
const StoreName = "store"

// headings puts our head beside those of the other replicas, and notes theirs
// in the log, so that none can be dropped whole without this log to tell.
func (k *Keeper) headings(ctx context.Context, last bool) {
	if err := k.exchange(ctx, last); err != nil {
		k.failures.Add(1)
		k.o.Logger.Error("checkpoint: the heads of the replicas' logs are not exchanged", "error", err)
	}
}

func (k *Keeper) exchange(ctx context.Context, last bool) error {
	if err := k.putHead(ctx); err != nil {
		return err
	}
	if last {
		return nil // the log is closed
	}
	notes, err := k.o.Heads.Heads(ctx)
	if err != nil {
		return err
	}
	changed := k.changed(notes)
	for _, some := range slices.Collect(slices.Chunk(changed, 64)) {
		e := record.Entry{Heads: &record.Heads{}}
		for _, c := range some {
			e.Heads.Heads = append(e.Heads.Heads, record.Head{Log: c.Log, Size: c.Size, Root: record.Hash(c.Root)})
		}
		if err := k.log.Append(ctx, e); err != nil {
			return err
		}
		k.own++
		for _, c := range some {
			k.noted[c.Log] = c
		}
	}
	return nil
}

// putHead puts our head there once, and keeps a receipt: a head that was removed
// is missed then.
func (k *Keeper) putHead(ctx context.Context) error {
	c := k.Latest()
	if c.Checkpoint == k.put {
		return nil
	}
	if err := k.o.Heads.PutHead(ctx, c.Log, c.Size, c.Note); err != nil {
		return err
	}
	if err := writeNote(ReceiptPath(k.dir, StoreName), c.Note); err != nil {
		return err
	}
	k.put = c.Checkpoint
	return nil
}

// changed are the heads of other logs that are new, by log.
func (k *Keeper) changed(notes map[string][]byte) (cs []Checkpoint) {
	for _, log := range slices.Sorted(maps.Keys(notes)) {
		s, err := Open(notes[log], k.key.Verifier())
		if err != nil || s.Log != log {
			k.o.Logger.Error("checkpoint: what the store has as a log's head is none", "log", log)
			continue
		}
		if log != k.log.ID() && k.noted[log] != s.Checkpoint {
			cs = append(cs, s.Checkpoint)
		}
	}
	return cs
}
