package main

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"cloakroom/internal/search"
)

// How long a value is that is searched for, in bytes.
const (
	valueMin = 8
	valueMax = 1 << 20
)

// searchFor makes a search for what stands in files, each a value, but for a line feed at
// its end; "-" is the input. Its names are the files'.
func searchFor(in io.Reader, files []string) (*search.Search, error) {
	var secret [32]byte
	rand.Read(secret[:])
	key := search.NewKey(secret)
	var prints []search.Fingerprint
	for _, name := range files {
		text, err := readValue(in, name)
		if err != nil {
			return nil, err
		}
		text = bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r"))
		if len(text) < valueMin || len(text) > valueMax {
			return nil, usageError{fmt.Errorf("--value-file %q: want a value of 8 bytes to 1 MiB", name)}
		}
		prints = append(prints, key.Fingerprint(filepath.Base(name), text))
	}
	return key.Compile(prints)
}

func readValue(in io.Reader, name string) ([]byte, error) {
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("reading a value: %w", err)
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, valueMax+2))
	if err != nil {
		return nil, fmt.Errorf("reading a value: %w", err)
	}
	return text, nil
}
