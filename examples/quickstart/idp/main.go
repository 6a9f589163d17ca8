// Command idp runs the quickstart's OpenID Connect providers on loopback. One is
// for machines:
//
//	idp --client agent:agent-secret-for-the-demo:ai-agents --listen 127.0.0.1:9000
//
// Clients ask it for a token with
//
//	curl -u agent:agent-secret-for-the-demo -d grant_type=client_credentials URL/oauth/token
//
// Another, on an address and so an issuer of its own, is for people, who log in
// to Cloakroom's page and command line:
//
//	idp --humans --listen 127.0.0.1:9002 --page http://127.0.0.1:9192
//
// Either prints "listening on URL" once it serves. It is a demonstration:
// secrets stand in its arguments, everybody has the same password, and nothing
// outlives the process.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"cloakroom/examples/quickstart/idp/provider"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "idp:", err)
		os.Exit(1)
	}
}

func run() error {
	var o provider.Options
	var h humans
	listen := flag.String("listen", "127.0.0.1:9000", "`address` to serve on; port 0 picks one")
	rotate := flag.Duration("rotate-every", 0, "make a new signing key this often; 0: never. SIGHUP makes one at once")
	flag.StringVar(&o.Issuer, "issuer", "", "issuer `URL`; default http:// and the address")
	flag.StringVar(&o.Audience, "audience", "cloakroom", "`audience` of every client's token")
	flag.DurationVar(&o.TokenTTL, "token-ttl", 10*time.Minute, "life of a token")
	flag.Func("client", "`id:secret:group1,group2:owner`; may be repeated", func(s string) error {
		c, err := parseClient(s)
		o.Clients = append(o.Clients, c)
		return err
	})
	h.flags()
	flag.Parse()
	if flag.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flag.Arg(0))
	}
	if err := h.add(&o); err != nil {
		return err
	}
	// The library logs whole requests at this level; only faults matter here.
	slog.SetLogLoggerLevel(slog.LevelError)

	l, err := net.Listen("tcp", *listen)
	if err != nil {
		return err // names the address
	}
	if o.Issuer == "" {
		o.Issuer = "http://" + l.Addr().String()
	}
	p, err := provider.New(o)
	if err != nil {
		return err
	}
	h.explain(o)
	fmt.Println("listening on", o.Issuer)
	return serve(l, p, *rotate)
}

func parseClient(s string) (provider.Client, error) {
	part := strings.SplitN(s, ":", 4)
	if len(part) < 2 || part[0] == "" || part[1] == "" {
		return provider.Client{}, errors.New("want id:secret, id:secret:group1,group2 or id:secret:group1,group2:owner")
	}
	c := provider.Client{ID: part[0], Secret: part[1]}
	if len(part) > 2 {
		c.Groups = list(part[2])
	}
	if len(part) > 3 {
		c.Owner = part[3]
	}
	return c, nil
}

// list reads a list with commas; empty: none.
func list(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}

func serve(l net.Listener, p *provider.Provider, every time.Duration) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	server := &http.Server{Handler: p, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		<-ctx.Done()
		server.Close()
	}()
	go rotate(ctx, p, every)
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func rotate(ctx context.Context, p *provider.Provider, every time.Duration) {
	var tick <-chan time.Time
	if every > 0 {
		t := time.NewTicker(every)
		defer t.Stop()
		tick = t.C
	}
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick:
		case <-hup:
		}
		if err := p.Rotate(); err != nil {
			fmt.Fprintln(os.Stderr, "idp:", err)
		}
	}
}
