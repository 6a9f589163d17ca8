package secret

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// MaxBytes is the longest value.
const MaxBytes = 64 << 10

// Why a source yields no value.
var (
	ErrWeak    = errors.New("the value is short or easy to guess (under 16 bytes or 64 bits)")
	ErrTooWeak = errors.New("the value is under 8 bytes, too short to be masked")
	ErrEmpty   = errors.New("the value is empty")
	ErrTooLong = errors.New("the value is over 64 KiB")
	ErrUnset   = errors.New("the environment variable is not set")
)

// Source says where a value is read from: exactly one of Env, the name of an
// environment variable, and File, a path.
type Source struct {
	Env, File string
	Weak      bool // the value may be weak
}

// String names the source, which is no secret.
func (s Source) String() string {
	if s.File != "" {
		return fmt.Sprintf("file %q", s.File)
	}
	return fmt.Sprintf("environment variable %q", s.Env)
}

// Read reads the value. Of a file, one newline at the end ("\n" or "\r\n") is
// not part of it. Errors are those above, or the file system's.
func (s Source) Read() (Value, error) { return s.ReadWith(os.LookupEnv) }

// ReadWith reads the value with env in place of the process's environment.
func (s Source) ReadWith(env func(string) (string, bool)) (Value, error) {
	b, err := s.bytes(env)
	if err == nil {
		err = s.check(b)
	}
	if err != nil {
		return Value{}, fmt.Errorf("reading %s: %w", s, err)
	}
	return New(b), nil
}

func (s Source) bytes(env func(string) (string, bool)) ([]byte, error) {
	switch {
	case s.File != "" && s.Env != "":
		return nil, errors.New("both a file and an environment variable")
	case s.File != "":
		return readFile(s.File)
	case s.Env == "":
		return nil, errors.New("neither a file nor an environment variable")
	}
	text, ok := env(s.Env)
	if !ok {
		return nil, ErrUnset
	}
	return []byte(text), nil
}

func (s Source) check(b []byte) error {
	switch {
	case len(b) == 0:
		return ErrEmpty
	case len(b) > MaxBytes:
		return ErrTooLong
	case len(b) < Floor:
		return ErrTooWeak
	case !s.Weak && Weak(b):
		return ErrWeak
	}
	return nil
}

// readFile reads a regular file, without its path in errors.
func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, bare(err)
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, bare(err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, MaxBytes+3))
	if err != nil {
		return nil, bare(err)
	}
	text := string(b)
	if cut, ok := strings.CutSuffix(text, "\r\n"); ok {
		text = cut
	} else {
		text = strings.TrimSuffix(text, "\n")
	}
	return []byte(text), nil
}

// bare drops the path that the caller names anyway.
func bare(err error) error {
	var e *os.PathError
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}
