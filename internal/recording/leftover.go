package recording

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"

	"cloakroom/internal/record"
)

// asideExt is the end of the name of what is no pack's beginning, and may have been one.
const asideExt = ".aside"

// leftover is a pack that an earlier process left open.
type leftover struct {
	id    string
	parts int   // whole ones, from its beginning
	at    int64 // behind them: there it is torn, if it does not end
	size  int64 // of the file
	named bool  // the log names what stands behind at: that was changed, and not torn
}

// hear looks for what the log names behind the place where the pack is torn.
func (o *leftover) hear(line []byte) {
	if o.at == o.size {
		return
	}
	mark := []byte(`"pack":"` + o.id + `","at":`)
	for !o.named {
		_, rest, ok := bytes.Cut(line, mark)
		if !ok {
			return
		}
		digits := rest[:len(rest)-len(bytes.TrimLeft(rest, "0123456789"))]
		at, err := strconv.ParseInt(string(digits), 10, 64)
		o.named, line = err == nil && at >= o.at, rest
	}
}

// pack takes the parts of a pack that was left open.
func (v *recovery) pack(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	s := &scanner{r: bufio.NewReaderSize(f, 64<<10)}
	p, err := s.header(path)
	if err != nil {
		return v.setAside(path, info.Size(), err)
	}
	if p.Log != v.r.o.Log.ID() {
		return fmt.Errorf("opening pack %q: it belongs to another log; move it elsewhere", path)
	}
	if _, err := v.r.ring.open(s.raw); err != nil {
		return fmt.Errorf("opening pack %q, which was left open: %w", path, err)
	}
	v.begin(record.Position{Seq: s.raw.Seq, Hash: s.raw.Hash})
	o := &leftover{id: p.ID, size: info.Size()}
	o.parts, o.at = v.takeParts(s, p.ID)
	v.packs[path] = o
	return nil
}

// setAside takes away what is no pack. Only what has nothing in it is deleted.
func (v *recovery) setAside(path string, size int64, why error) error {
	if size == 0 {
		return v.r.o.disk.remove(path)
	}
	v.r.o.Logger.Error("recording: a pack does not begin as one does, and is set aside", "pack", path, "error", why)
	return v.r.o.disk.rename(path, path+asideExt)
}

// takeParts takes the parts up to where the pack is torn, or ends.
func (v *recovery) takeParts(s *scanner, pack string) (parts int, at int64) {
	for {
		at = s.at
		found, err := s.next(pack)
		if err == nil {
			_, _, err = v.r.part(context.Background(), found.Part)
		}
		switch {
		case errors.Is(err, ErrErased): // its exchange has an end
		case err != nil:
			return parts, at
		default:
			v.add(found.Exchange, numbered{found.Part, found.Number})
		}
		parts++
	}
}

// settle cuts off what was never finished, but nothing that the log names: where that
// was changed it stays, to be found. All that is left is on disk then.
func (v *recovery) settle(path string, o *leftover) error {
	switch {
	case o.at == o.size:
	case o.named:
		v.r.o.Logger.Error("recording: a pack is not what the log says", "pack", path, "at", o.at)
	default:
		v.r.o.Logger.Warn("recording: cut off a part that was never finished", "pack", path, "at", o.at)
		if err := v.r.o.disk.truncate(path, o.at); err != nil {
			return err
		}
	}
	return syncPath(path) // it may be in memory only
}

// close closes the pack. One with nothing in it is deleted.
func (v *recovery) close(path string, o *leftover) error {
	if o.parts == 0 && !o.named {
		return v.r.o.disk.remove(path)
	}
	if err := v.r.noteClosed(path, o.id, o.parts); err != nil {
		return err
	}
	return v.r.rename(path)
}

func syncPath(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
