// Command upstream is an API that demands a key and gives away what it got, so
// that one sees the real key arrive and the masked key come back:
//
//	QUICKSTART_KEY=… upstream --listen 127.0.0.1:9001
//
// It prints "listening on URL" once it serves, over HTTP/1.1 and HTTP/2. The key
// must stand, exactly, in
//
//	authorization   Bearer KEY, token KEY or Basic b64(anything:KEY)
//	x-api-key       KEY
//	/query?key=KEY, the cookie "key" on /cookie, and /path/KEY
//
// and everything else is a 401. Below /billing it demands the billing key
// instead, and, if it has one, the admin key to delete a repository. Every path answers with an echo of the request, except
//
//	/events?n=5              server-sent events, one in 200 ms, each with the key
//	/trailer                 an echo with the key in a trailer
//	/user, /repos/{o}/{r}    enough of GitHub's API for its clients
//	/v1/models, /v1/chat/completions  enough of OpenAI's, streaming too
//	/_requests               how many requests came, without a key
//
// It never prints a key, and keeps nothing.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "upstream:", err)
		os.Exit(1)
	}
}

func run() error {
	listen := flag.String("listen", "127.0.0.1:9001", "`address` to serve on; port 0 picks one")
	key := flag.String("key", "", "the `key` to demand; default: the environment's QUICKSTART_KEY")
	keyFiles := flag.String("key-files", "", "the `files` that hold the keys to demand, the one for /billing behind a comma")
	billing := flag.String("billing-key", "", "the `key` to demand below /billing; default: QUICKSTART_BILLING_KEY")
	cert := flag.String("tls-cert", "", "PEM `file` of a certificate: serve TLS")
	private := flag.String("tls-key", "", "PEM `file` of its private key")
	flag.Parse()
	if flag.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flag.Arg(0))
	}
	fromFile, err := keys(*keyFiles)
	if err != nil {
		return err // names the file
	}
	a := &api{key: or(*key, fromFile[0], os.Getenv("QUICKSTART_KEY")), billing: or(*billing, fromFile[1], os.Getenv("QUICKSTART_BILLING_KEY")), admin: os.Getenv("QUICKSTART_ADMIN_KEY")}
	if a.key == "" {
		return errors.New("no key: set QUICKSTART_KEY, --key or --key-files")
	}
	l, err := net.Listen("tcp", *listen)
	if err != nil {
		return err // names the address
	}
	return serve(l, a.handler(), *cert, *private)
}

// or is the first that is not empty.
func or(all ...string) string {
	for _, s := range all {
		if s != "" {
			return s
		}
	}
	return ""
}

// keys reads the two keys from the files of a list; what it does not name is
// empty.
func keys(files string) (all [2]string, err error) {
	for i, path := range strings.SplitN(files, ",", len(all)) {
		if path == "" {
			continue
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return all, err
		}
		all[i] = strings.TrimSpace(string(b))
	}
	return all, nil
}

func serve(l net.Listener, h http.Handler, cert, private string) error {
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, Protocols: new(http.Protocols)}
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetHTTP2(true)
	server.Protocols.SetUnencryptedHTTP2(true)

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	go func() {
		<-ctx.Done()
		server.Close()
	}()
	var err error
	if cert != "" || private != "" {
		fmt.Printf("listening on https://%s\n", l.Addr())
		err = server.ServeTLS(l, cert, private)
	} else {
		fmt.Printf("listening on http://%s\n", l.Addr())
		err = server.Serve(l)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
