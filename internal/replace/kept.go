package replace

import "sync"

// largest is the most memory that goes back to be used by another text.
const largest = 1 << 20

// memory is where kept text lies; texts come and go by the thousands a second.
var memory = sync.Pool{New: func() any { return new([]byte) }}

// kept is the end of a text that has not gone yet. The zero value is empty.
type kept struct {
	memory *[]byte // nil until something has to be kept
	text   []byte  // within memory
}

func (k *kept) len() int { return len(k.text) }

// join returns what is kept followed by src. If nothing is kept the text is src
// itself.
func (k *kept) join(src []byte) (text []byte) {
	if len(k.text) == 0 {
		return src
	}
	k.room(len(src))
	k.text = append(k.text, src...)
	return k.text
}

// keep keeps the text, which is an end of what join returned.
func (k *kept) keep(text []byte) {
	if len(k.text) > 0 {
		k.text = k.text[len(k.text)-len(text):]
		return
	}
	if len(text) > 0 {
		k.room(len(text))
		k.text = append(k.text, text...)
	}
}

// room makes room for n more bytes. Memory is twice what is needed, so that the
// text is moved to its front no oftener than it is filled once.
func (k *kept) room(n int) {
	need := len(k.text) + n
	if need <= cap(k.text) {
		return
	}
	if k.memory == nil {
		k.memory = memory.Get().(*[]byte)
	}
	to := *k.memory
	if cap(to) < 2*need {
		to = make([]byte, 0, 2*need)
		*k.memory = to
	}
	to = to[:len(k.text)]
	copy(to, k.text)
	k.text = to
}

// free gives the memory back. Nothing is kept any more.
func (k *kept) free() {
	if k.memory != nil && cap(*k.memory) <= largest {
		memory.Put(k.memory)
	}
	*k = kept{}
}
