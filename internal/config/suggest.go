package config

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// suggest is a hint for a name that is none of known: the nearest of them, or
// all if they are few.
func suggest(name string, known []string) string {
	slices.Sort(known)
	best, least := "", min(len(name)/3+2, 5)
	for _, k := range known {
		if d := distance(strings.ToLower(name), strings.ToLower(k)); d < least {
			best, least = k, d
		}
	}
	switch {
	case best != "":
		return "did you mean " + strconv.Quote(best) + "?"
	case len(known) == 0 || len(known) > 16:
		return ""
	}
	return "known: " + strings.Join(known, ", ")
}

// distance is Levenshtein's, in bytes; long names are not compared.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

func keysOf[V any](m map[string]V) []string { return slices.Collect(maps.Keys(m)) }
