package fields

import "strconv"

// maxDepth is how deep objects and arrays may nest.
const maxDepth = 512

// document rewrites one JSON text (RFC 8259), in UTF-8. An empty one is no error: it holds
// no field.
type document struct {
	root *node
	fill Fill
	err  error

	runes   runes
	expect  expectation
	levels  []level
	next    *node  // the place of the value that comes next
	inText  bool   // within a string
	isKey   bool   // which is a member's name
	text    text   // how far it is read
	held    []byte // of it, where it is a declared string or a name that may lead to one
	literal string // what must follow of true, false or null
	number  numeral
}

// expectation is what may come next, spaces aside. The zero value is the
// document's beginning.
type expectation uint8

const (
	value     expectation = iota
	valueOr               // a value, or the array's end
	key                   // a member's name
	keyOr                 // a member's name, or the object's end
	colon                 // behind a name
	separator             // a comma, or the end of what is open
	nothing
)

// level is an open object or array.
type level struct {
	place *node
	array bool
	item  int
}

// NewJSON returns a rewriter of the strings at pointers of one JSON text.
func NewJSON(pointers []string, fill Fill) Rewriter {
	root := tree(pointers)
	return &document{root: root, next: root, fill: fill}
}

// Append implements Rewriter.
func (d *document) Append(dst, src []byte, last bool) ([]byte, error) {
	if d.err != nil {
		return dst, d.err
	}
	if !d.runes.valid(src, last) {
		d.err = ErrJSON
		return dst, d.err
	}
	for len(src) > 0 && d.err == nil {
		if d.inText {
			dst, src = d.appendText(dst, src)
			continue
		}
		n := 0
		for n < len(src) && !d.inText && d.err == nil {
			d.err = d.step(src[n])
			n++
		}
		dst, src = append(dst, src[:n]...), src[n:]
	}
	if d.err == nil && last && !d.whole() {
		d.err = ErrJSON
	}
	return dst, d.err
}

// whole tells whether the text may end here.
func (d *document) whole() bool {
	if d.inText || d.literal != "" || d.number != 0 && !d.number.final() || len(d.levels) > 0 {
		return false
	}
	return d.expect == nothing || d.expect == value || d.number != 0
}

// appendText takes the next piece of a string, and appends it to dst but where
// it is declared: then only once it has ended.
func (d *document) appendText(dst, src []byte) (_, rest []byte) {
	n, closed, err := d.text.read(src)
	if err != nil {
		d.err = err
		return dst, src
	}
	piece, rest := src[:n], src[n:]
	if closed {
		piece = piece[:n-1]
	}
	declared := !d.isKey && d.next != nil && d.next.pointer != ""
	switch {
	case declared && len(d.held)+len(piece) > maxField:
		d.err = ErrTooLong
		return dst, src
	case declared, d.isKey && d.top().place.leads() && len(d.held) <= maxKey:
		d.held = append(d.held, piece...)
	}
	if !declared {
		dst = append(dst, piece...)
	}
	if !closed {
		return dst, rest
	}
	if declared {
		dst, d.err = runs(dst, d.held, func(dst, run []byte) ([]byte, error) {
			return d.fill(dst, Field{JSON, d.next.pointer, run})
		})
	}
	d.endText()
	return append(dst, '"'), rest
}

func (d *document) endText() {
	d.inText = false
	if !d.isKey {
		d.endValue()
		return
	}
	d.expect, d.next = colon, nil
	if place := d.top().place; place.leads() && len(d.held) <= maxKey {
		d.next = place.below(unquoted(d.held))
	}
}

func (d *document) beginText(isKey bool) {
	d.inText, d.isKey, d.text, d.held = true, isKey, text{}, d.held[:0]
}

func (d *document) top() *level { return &d.levels[len(d.levels)-1] }

// endValue says what may follow a value.
func (d *document) endValue() {
	d.expect = separator
	if len(d.levels) == 0 {
		d.expect = nothing
	}
}

// open begins an object or an array at the place that comes next.
func (d *document) open(array bool) error {
	if len(d.levels) == maxDepth {
		return ErrDepth
	}
	d.levels = append(d.levels, level{place: d.next, array: array})
	d.expect = keyOr
	if array {
		d.expect = valueOr
		d.enterItem()
	}
	return nil
}

// enterItem makes the array's current item the place that comes next.
func (d *document) enterItem() {
	d.next = nil
	if top := d.top(); top.place.leads() {
		d.next = top.place.below(strconv.Itoa(top.item))
	}
}
