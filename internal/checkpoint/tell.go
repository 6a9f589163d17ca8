package checkpoint

import (
	"context"
	"sync"
)

// recipient is a witness with what it has taken.
type recipient struct {
	Witness
	last   Checkpoint
	failed bool // the last time
	mu     sync.Mutex
}

// tell gives the latest checkpoint to every witness that has not taken it, to
// all at once.
func (k *Keeper) tell(ctx context.Context) {
	c := k.Latest()
	if c.Size == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 2*answerTime)
	defer cancel()
	var all sync.WaitGroup
	for _, w := range k.witnesses {
		if w.taken() == c.Checkpoint {
			continue
		}
		all.Go(func() { k.tellOne(ctx, w, c) })
	}
	all.Wait()
}

func (k *Keeper) tellOne(ctx context.Context, w *recipient, c Signed) {
	receipt, err := w.Add(ctx, c, w.taken(), k.tree)
	if err == nil {
		err = writeNote(ReceiptPath(k.dir, w.Name()), receipt)
	}
	if err != nil {
		k.failures.Add(1)
		if !w.failed {
			k.o.Logger.Error("checkpoint: a witness does not take it", "witness", w.Name(), "entries", c.Size, "error", err)
		}
	} else if w.failed {
		k.o.Logger.Info("checkpoint: a witness takes it again", "witness", w.Name(), "entries", c.Size)
	}
	if w.failed = err != nil; !w.failed {
		w.take(c.Checkpoint)
	}
}

func (w *recipient) taken() Checkpoint {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last
}

func (w *recipient) take(c Checkpoint) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last = c
}
