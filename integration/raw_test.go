package integration

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// wire is an upstream that keeps every byte that reached it, and answers every
// request with what it got. It understands HTTP/1.1 as far as telling where a
// request ends, and refuses nothing.
type wire struct {
	listener net.Listener
	mu       sync.Mutex
	heard    bytes.Buffer
	requests int
}

func newWire(t *testing.T) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{listener: l}
	var open sync.WaitGroup
	open.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			open.Go(func() { w.serve(c) })
		}
	})
	t.Cleanup(func() { l.Close() })
	return w
}

func (w *wire) address() string { return w.listener.Addr().String() }

// Write keeps what came off any connection.
func (w *wire) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.heard.Write(b)
}

// take returns what was heard since the last call, in how many requests.
func (w *wire) take() (heard string, requests int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	heard, requests = w.heard.String(), w.requests
	w.heard.Reset()
	w.requests = 0
	return heard, requests
}

func (w *wire) serve(c net.Conn) {
	defer c.Close()
	in := bufio.NewReader(io.TeeReader(c, w))
	for {
		request, err := readMessage(in)
		if err != nil {
			return
		}
		w.mu.Lock()
		w.requests++
		w.mu.Unlock()
		if _, err := io.WriteString(c, reflected(request)); err != nil {
			return
		}
	}
}

// reflected gives a request back in a header and the body, and a cookie called
// session in every other place that an answer has.
func reflected(request string) string {
	head, _, _ := strings.Cut(request, "\r\n\r\n")
	reason, more := "OK", ""
	if _, session, ok := strings.Cut(head, "session="); ok {
		session, _, _ = strings.Cut(strings.TrimLeft(session, `"`), "\r\n")
		session = strings.TrimRight(session, `"`)
		if !strings.ContainsAny(session, `;, "=`) {
			reason, more = session, "x-"+session+": x\r\nset-cookie: session="+session+"\r\nlocation: /?"+session+"\r\n"
		}
	}
	body := request
	if strings.HasPrefix(request, "HEAD ") {
		body = ""
	}
	return "HTTP/1.1 200 " + reason + "\r\ncontent-type: text/plain\r\nx-echo: " + strings.ReplaceAll(head, "\r\n", " | ") + "\r\n" +
		more + "content-length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body
}

// readMessage reads one HTTP/1.1 message, and leaves what follows it.
func readMessage(in *bufio.Reader) (string, error) {
	var all strings.Builder
	length, chunked := 0, false
	for {
		line, err := in.ReadString('\n')
		all.WriteString(line)
		if err != nil {
			return all.String(), err
		}
		name, value, _ := strings.Cut(strings.ToLower(strings.TrimSpace(line)), ":")
		switch name {
		case "content-length":
			length, _ = strconv.Atoi(strings.TrimSpace(value))
		case "transfer-encoding":
			chunked = strings.Contains(value, "chunked")
		case "":
			if chunked {
				err = readChunks(in, &all)
			} else {
				err = readBody(in, &all, length)
			}
			return all.String(), err
		}
	}
}

func readBody(in *bufio.Reader, all *strings.Builder, n int) error {
	_, err := io.CopyN(all, in, int64(n))
	return err
}

func readChunks(in *bufio.Reader, all *strings.Builder) error {
	for {
		size, err := in.ReadString('\n')
		all.WriteString(size)
		if err != nil {
			return err
		}
		n, err := strconv.ParseInt(strings.TrimSpace(size), 16, 32)
		if err != nil {
			return err
		}
		if n == 0 {
			_, err := textproto.NewReader(in).ReadMIMEHeader()
			return err
		}
		if err := readBody(in, all, int(n)+2); err != nil {
			return err
		}
	}
}

// reply is what came back for a request: its status (0: the connection ended
// without one) and every byte. What went wrong on our side, or took too long,
// is an error; that the other side closed is none.
type reply struct {
	status int
	text   string
	err    error
}

const replyTime = 30 * time.Second

// dial opens a connection on which everything must be over in replyTime.
func dial(address string) (net.Conn, error) {
	c, err := net.Dial("tcp", address)
	if err == nil {
		c.SetDeadline(time.Now().Add(replyTime))
	}
	return c, err
}

// raw sends bytes as they are over HTTP/1.1 and reads until the other side is
// done: it closed, or it answered and then kept silent for the time given.
func raw(address, request string, silence time.Duration) (r reply) {
	c, err := dial(address)
	if err != nil {
		return reply{err: err}
	}
	defer c.Close()
	go io.WriteString(c, request) // an early refusal may come before all is sent
	in := bufio.NewReader(c)
	text, err := readAnswer(in, strings.HasPrefix(request, "HEAD "))
	if timedOut(err) {
		r.err = err
	}
	if err == nil && silence > 0 {
		c.SetReadDeadline(time.Now().Add(silence))
		more, _ := io.ReadAll(in)
		text += string(more)
	}
	r.text = text
	if fields := strings.Fields(text); len(fields) > 1 {
		r.status, _ = strconv.Atoi(fields[1])
	}
	return r
}

// readAnswer reads a response, and the interim ones before it.
func readAnswer(in *bufio.Reader, bodyless bool) (string, error) {
	if bodyless {
		var all strings.Builder
		for {
			line, err := in.ReadString('\n')
			all.WriteString(line)
			if err != nil || line == "\r\n" {
				return all.String(), err
			}
		}
	}
	text, err := readMessage(in)
	if err == nil && strings.HasPrefix(text, "HTTP/1.1 100") {
		return readMessage(in)
	}
	return text, err
}

func timedOut(err error) bool {
	var e net.Error
	return errors.As(err, &e) && e.Timeout()
}

// raw2 sends one HTTP/2 request with these fields in this order, pseudo-headers
// included, whatever they are, and an optional body and trailers.
func raw2(address string, fields []string, body string, trailers []string) reply {
	c, err := dial(address)
	if err != nil {
		return reply{err: err}
	}
	defer c.Close()
	if _, err := io.WriteString(c, http2.ClientPreface); err != nil {
		return reply{err: err}
	}
	f := http2.NewFramer(c, c)
	f.ReadMetaHeaders = hpack.NewDecoder(65536, nil)
	f.MaxHeaderListSize = 1 << 20
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	encode := func(fields []string) []byte {
		block.Reset()
		for pair := range slices.Chunk(fields, 2) {
			encoder.WriteField(hpack.HeaderField{Name: pair[0], Value: pair[1]})
		}
		return slices.Clone(block.Bytes())
	}
	// The other side may reset the stream or close in the middle: what it says
	// is read below, so errors of writing tell nothing.
	f.WriteSettings()
	f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: encode(fields), EndHeaders: true, EndStream: body == "" && trailers == nil})
	if body != "" {
		f.WriteData(1, trailers == nil, []byte(body))
	}
	if trailers != nil {
		f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: encode(trailers), EndHeaders: true, EndStream: true})
	}
	return readReply2(f)
}

func readReply2(f *http2.Framer) (r reply) {
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			if timedOut(err) {
				r.err = err
			}
			return r
		}
		switch frame := frame.(type) {
		case *http2.SettingsFrame:
			if !frame.IsAck() {
				f.WriteSettingsAck()
			}
		case *http2.MetaHeadersFrame:
			for _, field := range frame.Fields {
				if field.Name == ":status" {
					r.status, _ = strconv.Atoi(field.Value)
				}
				r.text += field.Name + ": " + field.Value + "\r\n"
			}
		case *http2.DataFrame:
			r.text += string(frame.Data())
		case *http2.RSTStreamFrame, *http2.GoAwayFrame:
			return r
		}
		if frame.Header().Flags.Has(http2.FlagDataEndStream) && (frame.Header().Type == http2.FrameData || frame.Header().Type == http2.FrameHeaders) {
			return r
		}
	}
}
