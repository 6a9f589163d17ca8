package main

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"time"

	"cloakroom/internal/record"
	"cloakroom/internal/recording"
)

// erasures are the first entries of the log in dir that say that an exchange is
// erased, by exchange.
func erasures(dir string) (map[string]record.Entry, error) {
	lines, err := record.ReadAfter(dir, record.Position{})
	if err != nil {
		return nil, err
	}
	defer lines.Close()
	all := map[string]record.Entry{}
	for {
		l, err := lines.Next()
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		if !bytes.Contains(l.Raw, []byte(`,"act":{"name":"`+recording.ActErase+`"`)) {
			continue
		}
		e, err := l.Entry()
		if err != nil {
			return nil, err
		}
		if _, again := all[e.Act.Exchange]; !again {
			all[e.Act.Exchange] = e
		}
	}
}

// whoErased is err, which is recording.ErrErased of an exchange, with what the log
// says of it.
func (r reading) whoErased(exchange string, err error) error {
	all, failed := r.erasures()
	if failed != nil {
		return fmt.Errorf("%w, and the log cannot be read: %w", recording.ErrErased, failed)
	}
	e, ok := all[exchange]
	if !ok {
		return fmt.Errorf("%w, and no entry of the log that is here says by whom: `cloakroom session verify` judges that", recording.ErrErased)
	}
	return erased{err, e}
}

// erased is recording.ErrErased with who did it, and why.
type erased struct {
	error
	entry record.Entry
}

func (e erased) Unwrap() error { return e.error }

func (e erased) Error() string {
	return fmt.Sprintf("erased at %s by %s: %s", e.entry.Time.UTC().Format(time.RFC3339), e.entry.Act.By, cmp.Or(e.entry.Act.Detail, "no reason was given"))
}
