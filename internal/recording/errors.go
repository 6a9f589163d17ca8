package recording

import "errors"

// Errors of a recording, to be told apart with errors.Is.
var (
	// ErrUnavailable means that nothing can be recorded now.
	ErrUnavailable = errors.New("nothing can be recorded now")
	// ErrGone means that the recording was deleted.
	ErrGone = errors.New("the recording is not kept any more")
	// ErrBroken means that a recording is not what the log says of it.
	ErrBroken = errors.New("the recording is not what the log says")
	// ErrErased means that the recording was erased: the log has an act that says so,
	// or somebody else did it.
	ErrErased = errors.New("the recording was erased")
	// ErrNotRecorded means that there is no recording: it was off.
	ErrNotRecorded = errors.New("nothing was recorded of the exchange")
)
