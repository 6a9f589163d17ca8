package recording

import (
	"crypto/cipher"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"cloakroom/internal/record"
)

const (
	openExt   = ".open" // a pack that is not closed
	closedExt = ".pack"
)

// pack is one that this process writes.
type pack struct {
	header header
	id     string
	path   string // of the open file
	key    cipher.AEAD
	file   file

	size     int64 // of whole frames
	nonce    uint64
	count    int       // parts
	unsynced []*part   // written, and not known to be on disk
	synced   int64     // bytes that are; 0: not even the header
	torn     bool      // the file may have more than size
	broken   bool      // a sync failed: nobody knows what there is behind synced
	noted    bool      // the log says that it is closed
	again    time.Time // before which closing is not tried again
}

// expires is when the pack may be deleted; zero: never. A part may have been
// written when the pack was as old as it gets.
func (h header) expires(age time.Duration) time.Time {
	if h.Keep == 0 {
		return time.Time{}
	}
	return h.Created.Add(age + h.retention())
}

// class is where parts of one retention go: one open pack.
type class struct {
	retention time.Duration
	mu        sync.Mutex
	pack      *pack // nil: none is open
	frame     []byte
}

// createPack makes a pack's file, whose name is on disk when it returns.
func (r *Recorder) createPack(retention time.Duration) (*pack, error) {
	at := r.o.Log.Durable()
	keep := int64((retention + time.Second - 1) / time.Second)
	h := header{Created: r.o.Now().UTC().Truncate(time.Second), Keep: keep, Log: r.o.Log.ID(), Seq: at.Seq, Hash: at.Hash}
	line, key, err := newHeader(h, r.ring[0])
	if err != nil {
		return nil, err
	}
	p := &pack{header: h, id: packID(line), key: key, size: int64(len(line))}
	p.path = filepath.Join(r.dir, h.name(p.id)+openExt)
	if p.file, err = r.o.disk.create(p.path); err != nil {
		return nil, err
	}
	if _, err = p.file.Write(line); err == nil {
		err = r.o.disk.syncDir(r.dir)
	}
	if err != nil {
		return nil, errors.Join(err, p.file.Close(), r.o.disk.remove(p.path))
	}
	return p, nil
}

// append writes the part with one write, into a new pack where the open one is
// full, old, or refuses it. Others may not use the class meanwhile.
func (r *Recorder) append(c *class, p *part) error {
	if len(p.exchange) != exchangeLen {
		return errors.New("its exchange has no id")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	err := r.appendOnce(c, p)
	if err != nil && c.pack != nil { // it may be its file that cannot grow
		r.retire(c)
		err = r.appendOnce(c, p)
	}
	if err != nil {
		r.retire(c)
		r.stats.failures.Add(1)
		r.fail(err)
		return fmt.Errorf("writing a part: %w: %w", ErrUnavailable, err)
	}
	return nil
}

func (r *Recorder) appendOnce(c *class, p *part) error {
	if o := c.pack; o != nil && (o.size+int64(len(p.payload)) > r.o.PackBytes || r.o.Now().Sub(o.header.Created) >= r.o.PackAge) {
		r.retire(c)
	}
	if c.pack == nil {
		made, err := r.createPack(c.retention)
		if err != nil {
			return err
		}
		c.pack = made
	}
	o := c.pack
	f := frame{number: uint32(p.number), exchange: [exchangeLen]byte([]byte(p.exchange)), nonce: o.nonce}
	o.nonce++
	c.frame = f.seal(c.frame[:0], o.key, p.payload)
	if _, err := o.file.Write(c.frame); err != nil {
		o.torn = true
		return err
	}
	p.Part = record.Part{Pack: o.id, At: o.size, Size: int64(len(c.frame)), SHA256: sha256.Sum256(c.frame)}
	p.class, p.expires = c, o.header.expires(r.o.PackAge)
	o.size += p.Size
	o.count++
	o.unsynced = append(o.unsynced, p)
	r.stats.parts.Add(1)
	r.stats.bytes.Add(uint64(p.Size))
	p.share.wrote(p.Size, r.o.Now())
	r.wakeUp()
	return nil
}

// retire lets the committer close the class's pack. c.mu is held.
func (r *Recorder) retire(c *class) {
	if c.pack == nil {
		return
	}
	r.mu.Lock()
	r.retired = append(r.retired, c.pack)
	r.mu.Unlock()
	c.pack = nil
	r.wakeUp()
}

// local finds the packs below dir by their id, open ones too.
func local(dir string) (map[string]string, error) {
	all, err := listed(dir, openExt, closedExt)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	paths := map[string]string{}
	for _, path := range all {
		if name := filepath.Base(path); len(name) > exchangeLen && name[exchangeLen] == '-' {
			paths[name[:exchangeLen]] = path
		}
	}
	return paths, nil
}

// listed are the paths of the files below dir with one of these extensions.
func listed(dir string, exts ...string) (paths []string, err error) {
	files, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing packs: %w", err)
	}
	for _, f := range files {
		if slices.Contains(exts, filepath.Ext(f.Name())) {
			paths = append(paths, filepath.Join(dir, f.Name()))
		}
	}
	return paths, nil
}
