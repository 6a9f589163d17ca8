package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"golang.org/x/mod/sumdb/note"

	"cloakroom/internal/record"
	"cloakroom/internal/recording"
	"cloakroom/internal/secret"
	"cloakroom/internal/verify"
)

// erasures are the first entries of the log in dir that say that an exchange is
// erased, as the key of the log signed them, by exchange.
func erasures(dir string, root secret.Root) (map[string]record.Entry, error) {
	key, err := logKey(root)
	if err != nil {
		return nil, err
	}
	keys := []note.Verifier{key.Verifier()}
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
		if _, again := all[e.Act.Exchange]; !again && verify.Erases(e.Act, keys) {
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

// asLogged refuses exchanges of which the log in dir has another line than the store's
// index, which somebody may have changed so that more is erased than was asked for. A
// line that it has not may be in another replica's log, as may an exchange's end alone.
func asLogged(dir string, xs []record.Exchange) error {
	rows := map[string]record.Exchange{}
	for _, x := range xs {
		rows[idOf(x)] = x
	}
	lines, err := record.ReadAfter(dir, record.Position{})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer lines.Close()
	for l, err := lines.Next(); err != io.EOF; l, err = lines.Next() {
		if err != nil {
			return err
		}
		id := exchangeIn(l.Raw)
		if x, asked := rows[id]; asked && !bytes.Equal(l.Raw, x.DecisionLine) && !bytes.Equal(l.Raw, x.EndLine) {
			return unlogged(fmt.Errorf("the index has another exchange %q than the log", id))
		}
	}
	return nil
}

// exchangeIn is the exchange whose decision or end a line is; empty: it is neither.
func exchangeIn(line []byte) string {
	for _, mark := range []string{`,"decision":{"exchange":"`, `,"end":{"exchange":"`} {
		if _, rest, ok := bytes.Cut(line, []byte(mark)); ok {
			id, _, _ := bytes.Cut(rest, []byte(`"`))
			return string(id)
		}
	}
	return ""
}

// unlogged is err with what tells more about a row of the store that is not the log's.
func unlogged(err error) error {
	return hinted{fmt.Errorf("%w: the store is not what the log says, and nothing is erased", err), "`cloakroom log verify` tells what is wrong with it"}
}
