package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// maxErrors is how many errors are told; the rest is counted.
const maxErrors = 200

// Error is one mistake in a file. It never holds a value.
type Error struct {
	File         string
	Line, Column int    // from 1; 0: the file as a whole
	Message      string // what is wrong
	Hint         string // what would work; may be empty
}

// Error is "file:line:column: message", and a second line with the hint.
func (e Error) Error() string {
	where := e.File
	if e.Line > 0 {
		where = fmt.Sprintf("%s:%d:%d", e.File, e.Line, e.Column)
	}
	if e.Hint == "" {
		return where + ": " + e.Message
	}
	return where + ": " + e.Message + "\n  hint: " + e.Hint
}

// Errors are all mistakes in a file, by place. It is never empty as an error.
type Errors []Error

// Error is one error after the other, each on its own lines.
func (es Errors) Error() string {
	lines := make([]string, len(es))
	for i, e := range es {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// Warning is what a file may say and its author may not have meant.
type Warning Error

// String has the form of an Error.
func (w Warning) String() string { return Error(w).Error() }

func byPlace(a, b Error) int {
	return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Message, b.Message))
}

// sorted puts errors in the file's order, each once, and cuts a flood.
func (es Errors) sorted() Errors {
	slices.SortFunc(es, byPlace)
	es = slices.Compact(es)
	if n := len(es) - maxErrors; n > 0 {
		es = append(es[:maxErrors:maxErrors], Error{File: es[0].File, Message: fmt.Sprintf("and %d more errors", n)})
	}
	return es
}
