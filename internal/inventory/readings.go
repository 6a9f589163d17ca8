package inventory

import (
	"errors"
	"fmt"
	"strings"
)

// The bounds of reading a path. They hold the work that a hostile path can
// cause to a few milliseconds.
const (
	maxPath         = 8 << 10  // bytes of a path part
	maxReadings     = 256      // distinct readings
	maxReadingBytes = 64 << 10 // of all readings together
	maxDecodes      = 3
)

// Readings tells all readings that a lenient backend could give the path part
// of target (path and query): the path itself, and whatever any sequence of
// these steps makes of it: decoding percent escapes (up to three times; all of
// them, all but slashes, or the unreserved ones only), cutting path parameters
// at ";", merging slashes, resolving dot segments, reading a backslash as a
// slash, cutting at a decoded "?" or "#", dropping trailing dots and spaces of
// a segment, and taking "//name" for an authority.
//
// It is an error, and the path is to be refused, if the target holds control
// bytes, spaces, "#" or (in the path) non-ASCII bytes, if escapes are invalid,
// hide control bytes, overlong or otherwise invalid UTF-8, or characters that
// some backends fold to punctuation, if dot segments climb above the root or
// carry spaces, or if the readings pass a bound. A plain path has one reading.
func Readings(target string) ([]string, error) {
	path := pathPart(target)
	if err := checkQuery(target[len(path):]); err != nil {
		return nil, err
	}
	if plain(path) {
		return []string{path}, nil
	}
	if err := checkRaw(path); err != nil {
		return nil, err
	}
	if err := checkDepth(path); err != nil {
		return nil, err
	}
	return closure(path)
}

// closure applies every step to every reading until nothing new appears.
func closure(path string) ([]string, error) {
	if err := checkReading(path); err != nil {
		return nil, err
	}
	list, seen, size := []string{path}, map[string]bool{path: true}, len(path)
	for i := 0; i < len(list); i++ {
		for _, step := range steps {
			next, err := step(list[i])
			if err != nil {
				return nil, err
			}
			if seen[next] {
				continue
			}
			if err := checkReading(next); err != nil {
				return nil, err
			}
			if size += len(next); len(list) == maxReadings || size > maxReadingBytes {
				return nil, errors.New("the path has too many readings")
			}
			seen[next] = true
			list = append(list, next)
		}
	}
	return list, nil
}

// plain tells whether a path has one reading only: nothing in it is encoded, a
// parameter, an empty segment, ends a segment with a dot, or stands between a
// dot and a "+" that could be a space.
func plain(path string) bool {
	if path == "" || path[0] != '/' || len(path) > maxPath || path[len(path)-1] == '.' {
		return false
	}
	for i := 0; i < len(path); i++ {
		if !isPlainByte(path[i]) {
			return false
		}
		if i == 0 {
			continue
		}
		switch path[i-1 : i+1] {
		case "//", "./", ".+", "+.":
			return false
		}
	}
	return true
}

// isPlainByte tells whether a character reads the same everywhere.
func isPlainByte(c byte) bool { return plainBytes[c] }

var plainBytes = func() (t [256]bool) {
	for c := byte('!'); c <= '~'; c++ {
		t[c] = !strings.ContainsRune(`%;\#?`, rune(c))
	}
	return t
}()

func checkRaw(path string) error {
	switch {
	case path == "" || path[0] != '/':
		return errors.New(`the path does not begin with "/"`)
	case len(path) > maxPath:
		return fmt.Errorf("the path is longer than %d bytes", maxPath)
	}
	for i := 0; i < len(path); i++ {
		switch c := path[i]; {
		case c <= ' ' || c >= 0x7f:
			return errors.New("the path holds a control byte, a space or a non-ASCII byte")
		case c == '#':
			return errors.New("the path holds a fragment")
		case c == '%' && !isEscape(path[i:]):
			return errors.New("the path holds an invalid escape")
		}
	}
	return nil
}

func checkQuery(query string) error {
	for i := 0; i < len(query); i++ {
		if c := query[i]; c <= ' ' || c == 0x7f || c == '#' {
			return errors.New("the query holds a control byte, a space or a fragment")
		}
	}
	return nil
}

func checkDepth(path string) error {
	for range maxDecodes {
		next, _ := decodeAll(path)
		if next == path {
			return nil
		}
		path = next
	}
	if next, _ := decodeAll(path); next != path {
		return fmt.Errorf("the path is encoded more than %d times", maxDecodes)
	}
	return nil
}
