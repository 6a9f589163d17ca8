package main

import (
	"context"
	"net"
	"net/http"
	"strings"

	"golang.org/x/net/netutil"

	"cloakroom/internal/access"
	"cloakroom/internal/admin"
	"cloakroom/internal/gate"
)

// listenAdmin opens the operators' listener. Where the configuration does not
// say how people reach it, they do by its own address, if that is on loopback.
func (s *service) listenAdmin(address string, out *servers) error {
	url := s.rules.Load().config.Admin.URL
	path, unix := strings.CutPrefix(address, "unix://")
	var l net.Listener
	var err error
	if unix {
		out.AdminAddress = address
		l, err = gate.Private(path)
	} else if l, err = net.Listen("tcp", address); err == nil {
		out.AdminAddress = "http://" + l.Addr().String()
		if own, ok := l.Addr().(*net.TCPAddr); url == "" && ok && own.IP.IsLoopback() {
			url = out.AdminAddress
		}
		l = netutil.LimitListener(l, adminLimit)
	}
	if err != nil {
		return plainListenError(address, err)
	}
	h, err := s.adminHandler(url, out.closing)
	if err != nil {
		l.Close()
		return err
	}
	out.serveHTTP(l, h)
	return nil
}

// adminHandler serves no page where nobody knows how people reach it.
func (s *service) adminHandler(url string, closing <-chan struct{}) (http.Handler, error) {
	var page http.Handler
	if url != "" {
		var err error
		if page, err = s.openConsole(url, closing); err != nil {
			return nil, err
		}
	}
	operators, err := admin.New(admin.Deps{
		Page: page,
		Identify: func(ctx context.Context, headers []access.Header, path string) (access.Principal, error) {
			who, _, err := inForce{s}.Identify(ctx, headers, path)
			return who, err
		},
		Readers: func() []access.Group {
			a := s.rules.Load().config.Admin
			return append(append([]access.Group{}, a.Operators...), a.Auditors...)
		},
		Metrics: s.metrics.Handler(),
		Ready:   s.ready,
	})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/", operators)
	mux.Handle("/slack/actions", s.notices)
	return mux, nil
}
