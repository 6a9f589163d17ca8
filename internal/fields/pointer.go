package fields

import (
	"encoding/json"
	"strings"
)

// node is a place in a document that leads to declared strings.
type node struct {
	next    map[string]*node
	pointer string // the string that stands here is declared; empty: it is not
}

// tree makes one tree of pointers.
func tree(pointers []string) *node {
	root := &node{}
	for _, p := range pointers {
		at := root
		for token := range strings.SplitSeq(strings.TrimPrefix(p, "/"), "/") {
			token = strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
			if at.next == nil {
				at.next = map[string]*node{}
			}
			if at.next[token] == nil {
				at.next[token] = &node{}
			}
			at = at.next[token]
		}
		at.pointer = p
	}
	return root
}

// below is the place that a member or an item leads to; nil: to nothing declared.
func (n *node) below(token string) *node {
	if n == nil {
		return nil
	}
	return n.next[token]
}

// leads tells whether anything below n is declared.
func (n *node) leads() bool { return n != nil && len(n.next) > 0 }

// maxKey is how long a member's name may be, in bytes as it stands, to lead
// anywhere.
const maxKey = 4 << 10

// unquoted is the text of a JSON string as it stands between its quotes.
func unquoted(raw []byte) string {
	quoted := append(append([]byte{'"'}, raw...), '"')
	var s string
	_ = json.Unmarshal(quoted, &s) // it was read as a string already
	return s
}
