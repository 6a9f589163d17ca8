package main

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"strings"
)

// answer is what the upstream says to everything: 1 KiB of JSON.
var answer = func() string {
	var b strings.Builder
	b.WriteString(`{"object":"list","data":[`)
	for i := 0; b.Len() < 1024-64; i++ {
		fmt.Fprintf(&b, `{"id":"item-%04d","name":"an item of a list","size":%d},`, i, i*i*7)
	}
	text := strings.TrimSuffix(b.String(), ",") + `],"more":""}`
	return strings.TrimSuffix(text, `"}`) + strings.Repeat("x", 1024-len(text)) + `"}`
}()

// serveUpstream answers every request on a port of its own choice, which it
// prints. It knows of HTTP as much as Envoy's requests here need. To one that
// asks for /key it says which key it got.
func serveUpstream() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go answerAll(c)
	}
}

func answerAll(c net.Conn) {
	defer c.Close()
	const head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s"
	usual := fmt.Appendf(nil, head, len(answer), answer)
	r := bufio.NewReader(c)
	for {
		asksKey, key := false, ""
		for first := true; ; first = false {
			line, err := r.ReadSlice('\n')
			if err != nil {
				return
			}
			if first {
				asksKey = bytes.HasPrefix(line, []byte("GET /key "))
			}
			if v, ok := bytes.CutPrefix(line, []byte("authorization: ")); ok && asksKey {
				key = string(bytes.TrimSpace(v))
			}
			if len(line) == 2 {
				break
			}
		}
		out := usual
		if asksKey {
			text := fmt.Sprintf(`{"got":%q,"right":%t}`, key, key == "Bearer "+value(0))
			out = fmt.Appendf(nil, head, len(text), text)
		}
		if _, err := c.Write(out); err != nil {
			return
		}
	}
}

// value is the nth credential's; the inventory's and the upstream's.
func value(n int) string { return fmt.Sprintf("sk-bench-%03d-9fQ2xT7LmV4cRb8NzKw3YhP6", n) }
