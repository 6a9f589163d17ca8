package exchange

import (
	"slices"
	"strings"
	"testing"
	"time"

	"cloakroom/internal/access"
)

func TestSubstitute(t *testing.T) {
	v, p := values["plain"], named("plain")
	tests := []struct {
		name     string
		path     string
		lines    []string
		uses     map[string][]string
		wantPath string
		want     []string
	}{
		{"bearer", "/x", []string{"authorization", "Bearer " + p}, map[string][]string{"plain": {"header:authorization"}},
			"", []string{"authorization", "Bearer " + v}},
		{"token", "/x", []string{"authorization", "token " + p}, map[string][]string{"plain": {"header:authorization"}},
			"", []string{"authorization", "token " + v}},
		{"bare in a usual header", "/x", []string{"x-api-key", p}, map[string][]string{"plain": {"header:x-api-key"}},
			"", []string{"x-api-key", v}},
		{"a named header", "/x", []string{"x-named", "a=" + p + ",b"}, map[string][]string{"plain": {"header:x-named"}},
			"", []string{"x-named", "a=" + v + ",b"}},
		{"basic, the password", "/x", []string{"authorization", basic("me:" + p)}, map[string][]string{"plain": {"header:authorization"}},
			"", []string{"authorization", basic("me:" + v)}},
		{"basic, the user", "/x", []string{"authorization", basic(p + ":")}, map[string][]string{"plain": {"header:authorization"}},
			"", []string{"authorization", basic(v + ":")}},
		{"basic, a colon in the password", "/x", []string{"authorization", basic("me:" + named("colon"))},
			map[string][]string{"colon": {"header:authorization"}}, "", []string{"authorization", basic("me:" + values["colon"])}},
		{"basic, both", "/x", []string{"authorization", basic(p + ":" + named("slashed"))},
			map[string][]string{"plain": {"header:authorization"}, "slashed": {"header:authorization"}},
			"", []string{"authorization", basic(v + ":" + values["slashed"])}},
		{"cookie", "/x", []string{"cookie", "a=1; session=" + p + "; b=2"}, map[string][]string{"plain": {"cookie:session"}},
			"", []string{"cookie", "a=1; session=" + v + "; b=2"}},
		{"query", "/x?a=1&key=" + p + "&b", nil, map[string][]string{"plain": {"query:key"}}, "/x?a=1&key=" + v + "&b", nil},
		{"query, encoded", "/x?key=" + named("slashed"), nil, map[string][]string{"slashed": {"query:key"}},
			"/x?key=sla%2Fsh%2Bed%3DZk3v%20Q9x1%26Lm", nil},
		{"path, encoded", "/bot" + named("slashed") + "/send", nil, map[string][]string{"slashed": {"path"}},
			"/botsla%2Fsh%2Bed%3DZk3v%20Q9x1%26Lm/send", nil},
		{"a newline in a query", "/x?key=" + named("newline"), nil, map[string][]string{"newline": {"query:key"}},
			"/x?key=new%0Aline%0DZk3vQ9x1LmT7r", nil},
		{"several at once", "/x?key=" + p, []string{"authorization", "Bearer " + p, "x-named", named("semi"), "cookie", "session=" + p},
			map[string][]string{"plain": {"query:key", "header:authorization", "cookie:session"}, "semi": {"header:x-named"}},
			"/x?key=" + v, []string{"authorization", "Bearer " + v, "cookie", "session=" + v, "x-named", values["semi"]}},
		{"twice in one line", "/x", []string{"x-named", p + " " + named("colon") + " " + p},
			map[string][]string{"plain": {"header:x-named"}, "colon": {"header:x-named"}},
			"", []string{"x-named", v + " " + values["colon"] + " " + v}},
		{"one of several lines of a name", "/x", []string{"x-named", "1", "x-named", p, "x-named", "3"},
			map[string][]string{"plain": {"header:x-named"}}, "", []string{"x-named", "1", "x-named", v, "x-named", "3"}},
		{"inert text stays", "/x?note=" + p, []string{"x-note", p, "cookie", "other=" + p}, nil,
			"", []string{"cookie", "other=" + p, "x-note", p}},
		{"nothing to do", "/x", []string{"a", "b"}, nil, "", []string{"a", "b"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			var uses []access.Use
			for name, in := range tt.uses {
				uses = append(uses, use(t, name, in...))
			}
			h := w.granted(t, head(tt.path, tt.lines...), uses...)
			change, refused, err := w.begin().RequestHead(h)
			if err != nil || refused != nil {
				t.Fatal(err, refused)
			}
			if got, want := text(apply(change, h.Headers)), text(head("", tt.want...).Headers); got != want || change.Path != tt.wantPath {
				t.Errorf("got\n%s\n%q\nwant\n%s\n%q", got, change.Path, want, tt.wantPath)
			}
		})
	}
}

func TestPrefixIsTakenOff(t *testing.T) {
	w := newWorld(t)
	h := head("/api/x?y=1")
	h.Route = "prefixed"
	change, refused, _ := w.begin().RequestHead(w.granted(t, h))
	if refused != nil || change.Path != "/x?y=1" {
		t.Errorf("got %q, %v", change.Path, refused)
	}
}

func TestWhatDoesNotGoUp(t *testing.T) {
	w := newWorld(t)
	h := w.granted(t, head("/x", "range", "bytes=0-1", "if-range", `"a"`, "x-envoy-original-path", "/y", "x-envoy-retry-on", "5xx",
		"accept-encoding", "gzip", "accept-encoding", "br", "x-cloakroom-token", "t", "x-cloakroom-session", "s",
		"a-im", "vcdiff", "accept-charset", "utf-16", "proxy-authorization", "Bearer t", "sec-websocket-extensions", "permessage-deflate", "grpc-accept-encoding", "gzip", "connect-accept-encoding", "gzip", "kept", "1"))
	change, refused, err := w.begin().RequestHead(h)
	if err != nil || refused != nil {
		t.Fatal(err, refused)
	}
	if got := text(apply(change, h.Headers)); got != "kept: 1" {
		t.Errorf("went up: %q", got)
	}
	if last := change.Set[len(change.Set)-1]; last != (access.Header{Name: "accept-encoding", Value: "identity"}) {
		t.Errorf("asked for %v", last)
	}
}

// TestRefusals: nothing that is refused has put a value anywhere.
func TestRefusals(t *testing.T) {
	bearer := func(name string) RequestHead { return head("/x", "authorization", "Bearer "+named(name)) }
	in := func(name string) access.Use {
		return use(t, name, "header:authorization", "cookie:session", "header:x-named")
	}
	many := strings.Repeat(named("plain")+" ", 300)
	tests := []struct {
		name string
		head func(w *world) RequestHead
		want access.Code
	}{
		{"no grant", func(*world) RequestHead { return bearer("plain") }, access.NotGranted},
		{"no grant, no placeholder", func(*world) RequestHead { return head("/x") }, access.NotGranted},
		{"not a grant", func(*world) RequestHead { h := bearer("plain"); h.Grant = "AAAA"; return h }, access.NotGranted},
		{"another method", func(w *world) RequestHead {
			h := w.granted(t, bearer("plain"), in("plain"))
			h.Method = "PUT"
			return h
		}, access.NotGranted},
		{"another path", func(w *world) RequestHead { h := w.granted(t, bearer("plain"), in("plain")); h.Path = "/y"; return h }, access.NotGranted},
		{"another authority", func(w *world) RequestHead {
			h := w.granted(t, bearer("plain"), in("plain"))
			h.Authority = "evil"
			return h
		}, access.NotGranted},
		{"another connection", func(w *world) RequestHead {
			h := w.granted(t, bearer("plain"), in("plain"))
			h.Source = "10.0.0.7:1"
			return h
		}, access.NotGranted},
		{"another route", func(w *world) RequestHead {
			h := w.granted(t, bearer("plain"), in("plain"))
			h.Route = "prefixed"
			return h
		}, access.Denied},
		{"no route", func(w *world) RequestHead { h := w.granted(t, bearer("plain"), in("plain")); h.Route = ""; return h }, access.Denied},
		{"another cluster", func(w *world) RequestHead {
			h := w.granted(t, bearer("plain"), in("plain"))
			h.Cluster = "c2"
			return h
		}, access.Denied},
		{"too late", func(w *world) RequestHead {
			h := w.granted(t, bearer("plain"), in("plain"))
			w.now = w.now.Add(time.Minute)
			return h
		}, access.NotGranted},
		{"used before", func(w *world) RequestHead {
			h := w.granted(t, bearer("plain"), in("plain"))
			w.begin().RequestHead(RequestHead{Method: h.Method, Authority: h.Authority, Path: h.Path, Route: h.Route, Cluster: h.Cluster, Source: h.Source, Grant: h.Grant})
			return h
		}, access.NotGranted},
		{"another credential's grant", func(w *world) RequestHead { return w.granted(t, bearer("plain"), in("semi")) }, access.NotGranted},
		{"another place", func(w *world) RequestHead { return w.granted(t, bearer("plain"), use(t, "plain", "header:x-named")) }, access.NotGranted},
		{"granted by rules that no longer stand", func(w *world) RequestHead {
			h := bearer("plain")
			h.Method = "POST"
			return w.granted(t, h, in("plain"))
		}, access.NotGranted},
		{"the lease has ended", func(w *world) RequestHead {
			w.stands["lease-plain"] = Over
			return w.granted(t, bearer("plain"), in("plain"))
		}, access.LeaseExpired},
		{"no value", func(w *world) RequestHead { return w.granted(t, bearer("unreadable"), in("unreadable")) }, access.Unavailable},
		{"CR and LF in a header", func(w *world) RequestHead { return w.granted(t, bearer("newline"), in("newline")) }, access.Unavailable},
		{"NUL in a header", func(w *world) RequestHead { return w.granted(t, bearer("nul"), in("nul")) }, access.Unavailable},
		{"CR and LF in Basic", func(w *world) RequestHead {
			return w.granted(t, head("/x", "authorization", basic("x:"+named("newline"))), in("newline"))
		}, access.Unavailable},
		{"a colon in Basic's user", func(w *world) RequestHead {
			return w.granted(t, head("/x", "authorization", basic(named("colon")+":x")), in("colon"))
		}, access.Unavailable},
		{"a semicolon in a cookie", func(w *world) RequestHead {
			return w.granted(t, head("/x", "cookie", "session="+named("semi")), in("semi"))
		}, access.Unavailable},
		{"one good, one bad", func(w *world) RequestHead {
			return w.granted(t, head("/x", "authorization", "Bearer "+named("plain"), "x-named", named("newline")), in("plain"), in("newline"))
		}, access.Unavailable},
		{"too many", func(w *world) RequestHead { return w.granted(t, head("/x", "x-named", many), in("plain")) }, access.TooLarge},
		{"gRPC-Web as text", func(w *world) RequestHead {
			return w.granted(t, head("/x", "content-type", " Application/grpc-web-text+proto"))
		}, access.Denied},
		{"an upgrade", func(w *world) RequestHead { return w.granted(t, head("/x", "upgrade", "h2c")) }, access.Denied},
		{"two upgrades", func(w *world) RequestHead {
			return w.granted(t, head("/x", "upgrade", "websocket", "upgrade", "h2c"))
		}, access.Denied},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			h := tt.head(w)
			x := w.begin()
			change, refused, err := x.RequestHead(h)
			if err != nil || refused == nil || refused.Code != tt.want {
				t.Fatalf("got %v, %v, want %v", refused, err, tt.want)
			}
			if len(change.Set)+len(change.Remove)+len(change.Path) != 0 {
				t.Errorf("a refusal with a change: %v", change)
			}
			for name, v := range values {
				if strings.Contains(string(refused.JSON()), v) {
					t.Errorf("the refusal holds the value of %s", name)
				}
			}
			if !x.Complete() {
				t.Error("a refused exchange is not complete")
			}
			if _, _, err := x.RequestHead(h); err != ErrOrder {
				t.Errorf("a second head: %v", err)
			}
		})
	}
}

func TestAValueThatTheCallerSentIsAnAlarm(t *testing.T) {
	w := newWorld(t)
	x := w.begin()
	_, refused, _ := x.RequestHead(w.granted(t, head("/x?k="+values["colon"], "authorization", "Bearer "+values["plain"],
		"x-a", basic("u:"+values["plain"]), "x-named", named("semi")), use(t, "semi", "header:x-named")))
	if refused != nil {
		t.Fatal(refused)
	}
	x.End(nil)
	if got := strings.Join(w.told, ","); !strings.HasPrefix(got, "began,value sent colon,value sent plain,ended") {
		t.Errorf("told %q", got)
	}
	if got := w.entries[0].End.Values; !slices.Equal(got, []string{"colon", "plain"}) {
		t.Errorf("values %q", got)
	}
	if got := w.entries[0].End.Error; got != `the caller sent the real value of "colon"; the caller sent the real value of "plain"` {
		t.Errorf("recorded %q", got)
	}
}

func TestARefusalThatNobodyDecidedIsCounted(t *testing.T) {
	w := newWorld(t)
	x := w.begin()
	x.RequestHead(head("/x"))
	x.End(nil)
	if len(w.entries) != 0 || strings.Join(w.counted, ",") != "not_granted 10.0.0.7" {
		t.Errorf("entries %v, counted %v", w.entries, w.counted)
	}
}
