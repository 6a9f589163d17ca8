package recording

import (
	"errors"
	"fmt"
)

// Errors of a recording, to be told apart with errors.Is.
var (
	// ErrUnavailable means that nothing can be recorded now.
	ErrUnavailable = errors.New("nothing can be recorded now")
	// ErrShare means that one principal has used up what it may take of the
	// recorder. Others may go on.
	ErrShare = fmt.Errorf("a principal has used up its share of the recorder: %w", ErrUnavailable)
	// ErrGone means that the recording was deleted.
	ErrGone = errors.New("the recording is not kept any more")
	// ErrBroken means that a recording is not what the log says of it.
	ErrBroken = errors.New("the recording is not what the log says")
	// ErrKey means that a recording cannot be opened: it is what the log says, and
	// under a recording key that is not among those that are here.
	ErrKey = errors.New("the recording is under a key that is not here")
	// ErrErased means that the recording was erased: the log has an act that says so,
	// or somebody else did it.
	ErrErased = errors.New("the recording was erased")
	// ErrNotRecorded means that there is no recording: it was off.
	ErrNotRecorded = errors.New("nothing was recorded of the exchange")
)
