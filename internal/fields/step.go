package fields

// step takes one byte outside of strings.
func (d *document) step(c byte) error {
	if d.number != 0 {
		next := d.number.step(c)
		if next != 0 {
			d.number = next
			return nil
		}
		if !d.number.final() {
			return ErrJSON
		}
		d.number = 0
		d.endValue()
	}
	if d.literal != "" {
		if c != d.literal[0] {
			return ErrJSON
		}
		if d.literal = d.literal[1:]; d.literal == "" {
			d.endValue()
		}
		return nil
	}
	if c == ' ' || c == '\t' || c == '\n' || c == '\r' {
		return nil
	}
	return d.begin(c)
}

// begin takes the first byte of what comes next.
func (d *document) begin(c byte) error {
	switch d.expect {
	case value, valueOr:
		return d.beginValue(c)
	case key, keyOr:
		if c == '"' {
			d.beginText(true)
			return nil
		}
		return d.end(c, d.expect == keyOr)
	case colon:
		if c == ':' {
			d.expect = value
			return nil
		}
	case separator:
		if c == ',' {
			d.separate()
			return nil
		}
		return d.end(c, true)
	}
	return ErrJSON
}

func (d *document) beginValue(c byte) error {
	switch c {
	case '"':
		d.beginText(false)
	case '{':
		return d.open(false)
	case '[':
		return d.open(true)
	case 't':
		d.literal = "rue"
	case 'f':
		d.literal = "alse"
	case 'n':
		d.literal = "ull"
	case ']':
		return d.end(c, d.expect == valueOr)
	default:
		if d.number = beginNumeral(c); d.number == 0 {
			return ErrJSON
		}
	}
	return nil
}

// separate goes on to the next member or item.
func (d *document) separate() {
	top := d.top()
	if !top.array {
		d.expect = key
		return
	}
	top.item++
	d.enterItem()
	d.expect = value
}

// end closes what is open, if c does and it may.
func (d *document) end(c byte, may bool) error {
	closing := byte('}')
	if !may || len(d.levels) == 0 {
		return ErrJSON
	}
	if d.top().array {
		closing = ']'
	}
	if c != closing {
		return ErrJSON
	}
	d.levels = d.levels[:len(d.levels)-1]
	d.endValue()
	return nil
}

// numeral is how far a number is read; zero: there is none.
type numeral uint8

const (
	minus numeral = iota + 1
	zero
	integer
	point
	fraction
	exponent
	exponentSign
	exponentDigits
)

func beginNumeral(c byte) numeral {
	switch {
	case c == '-':
		return minus
	case c == '0':
		return zero
	case c >= '1' && c <= '9':
		return integer
	}
	return 0
}

func (n numeral) final() bool {
	return n == zero || n == integer || n == fraction || n == exponentDigits
}

// step takes the number's next byte; zero: it is none of the number.
func (n numeral) step(c byte) numeral {
	digit := c >= '0' && c <= '9'
	switch {
	case n == minus && digit:
		return beginNumeral(c)
	case digit && (n == integer || n == fraction || n == exponentDigits):
		return n
	case digit && n == point:
		return fraction
	case digit && (n == exponent || n == exponentSign):
		return exponentDigits
	case c == '.' && (n == zero || n == integer):
		return point
	case (c == 'e' || c == 'E') && (n == zero || n == integer || n == fraction):
		return exponent
	case (c == '+' || c == '-') && n == exponent:
		return exponentSign
	}
	return 0
}
