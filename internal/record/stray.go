package record

// Stray is a part of a text that looks like a ticket's suffix, or like a token,
// and is to be taken out.
type Stray struct {
	Start, End int    // in the text
	Token      bool   // else a ticket's suffix
	Text       string // all of the ticket, or the token; escapes undone
}

// Strays finds in s what no record may hold but texts that named says yes to: in
// order, none inside another. It looks through percent-encoding and JSON's \u00XX. A
// byte that is neither a token's (see TokenByte) nor a percent sign nor a backslash
// stands in none: so a text may be searched piece by piece, each ending with such a byte.
func Strays(s string, named func(placeholder string) bool) []Stray {
	plain, at := unescape(s)
	var all []Stray
	spans := tokenSpans(plain)
	for _, m := range placeholderLike.FindAllStringSubmatchIndex(plain, -1) {
		for len(spans) > 0 && spans[0][1] <= m[0] {
			all = append(all, stray(plain, at, spans[0]))
			spans = spans[1:]
		}
		switch {
		case named(plain[m[0]:m[1]]):
		case len(spans) > 0 && spans[0][0] < m[1]: // a token begins in it
			spans[0][0] = min(spans[0][0], m[2])
		default:
			all = append(all, Stray{Start: at[m[2]], End: at[m[3]], Text: plain[m[0]:m[1]]})
		}
	}
	for _, span := range spans {
		all = append(all, stray(plain, at, span))
	}
	return all
}

func stray(plain string, at []int, span [2]int) Stray {
	return Stray{Start: at[span[0]], End: at[span[1]], Token: true, Text: plain[span[0]:span[1]]}
}
