package record

// Line is one line of the log as it stands there.
type Line struct {
	Seq  uint64
	Prev Hash
	Hash Hash
	Raw  []byte // with its line feed
}

// Entry decodes the line.
func (l Line) Entry() (Entry, error) { panic("not yet") }

// Reader reads the lines of a log in order and checks their chain. It may read
// a log that is being written.
type Reader struct{}

// ReadAfter opens the log in dir for reading behind p. An entry at p with
// another hash, or none, is ErrBroken.
func ReadAfter(dir string, p Position) (*Reader, error) { panic("not yet") }

// Next returns the next line, valid until the next call; io.EOF if there is no
// whole one yet (a later call may find one), ErrBroken if the chain does not
// hold.
func (r *Reader) Next() (Line, error) { panic("not yet") }

// Close closes the file that is open.
func (r *Reader) Close() error { panic("not yet") }
