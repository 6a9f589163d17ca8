package envoy_test

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cloakroom/envoy"
	"cloakroom/internal/run"
)

var update = flag.Bool("update", false, "write the golden files anew")

// full uses every option but TLS, whose files would have to exist.
func full() envoy.Options {
	return envoy.Options{
		Listen: "127.0.0.1:8080",
		Upstreams: []envoy.Upstream{
			{Host: "api.example.com", Route: "api", Cluster: "api", Address: "api.example.com:443", TLS: true, CAFile: "testdata/ca.pem", HTTP2: true, Recorded: true},
			{Host: "127.0.0.1", Prefix: "/local", Route: "local", Cluster: "local", Address: "127.0.0.1:9000", Messages: true,
				Bodies:    []envoy.Operation{{Method: "POST", Path: "/local/token"}, {Method: "*", Path: "/local/form/.*"}},
				Approvals: []envoy.Operation{{Method: "DELETE", Path: "/local/.*"}, {Method: "*", Path: "/local/pay"}}},
		},
		Service:   envoy.Service{Address: "unix:///run/cloakroom/grpc.sock", Key: "not-a-real-key"},
		Agent:     "/run/cloakroom/agent.sock",
		Admin:     "/run/cloakroom/admin.sock",
		AccessLog: "/dev/stdout",
	}
}

// least has no upstream, and the service on TCP with certificates.
func least() envoy.Options {
	return envoy.Options{
		Listen: ":8443",
		TLS:    &envoy.ServerTLS{CertFile: "testdata/cert.pem", KeyFile: "testdata/key.pem"},
		Service: envoy.Service{Address: "cloakroom.internal:9191", TLS: &envoy.ClientTLS{
			CertFile: "testdata/cert.pem", KeyFile: "testdata/key.pem", CAFile: "testdata/ca.pem", Name: "cloakroom.internal",
		}},
		Agent:            "cloakroom.internal:9193",
		CheckBody:        8 << 10,
		AllowUnderscores: true,
		Timeouts:         envoy.Timeouts{Check: 40 * time.Second, Hold: 5 * time.Minute},
	}
}

func router() envoy.Options {
	o := full()
	o.Omit = envoy.Omit{ExtAuthz: true, ExtProc: true}
	return o
}

var golden = map[string]func() envoy.Options{"full": full, "least": least, "router": router}

func TestBootstrap(t *testing.T) {
	for name, options := range golden {
		t.Run(name, func(t *testing.T) {
			got := bootstrap(t, options())
			path := filepath.Join("testdata", name+".json")
			if *update {
				if err := os.WriteFile(path, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("the bootstrap differs from %s; see what changed with -update and git diff", path)
			}
		})
	}
}

// Two runs in one process already differ in the order of maps, were there one.
func TestBootstrapIsTheSameEachTime(t *testing.T) {
	first := bootstrap(t, full())
	for range 20 {
		if !bytes.Equal(first, bootstrap(t, full())) {
			t.Fatal("two bootstraps of the same options differ")
		}
	}
}

func TestEnvoyTakesTheBootstrap(t *testing.T) {
	bin, err := run.Find(os.Getenv)
	if err != nil {
		t.Fatalf("run `make tools`: %v", err)
	}
	pem := certificates(t)
	for name, options := range golden {
		t.Run(name, func(t *testing.T) {
			text := bytes.ReplaceAll(bootstrap(t, options()), []byte("testdata/"), []byte(pem+"/"))
			path := filepath.Join(t.TempDir(), "bootstrap.json")
			if err := os.WriteFile(path, text, 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := exec.Command(bin, "--mode", "validate", "--log-level", "warning", "--config-path", path).CombinedOutput()
			if err != nil {
				t.Fatalf("envoy --mode validate: %v\n%s", err, out)
			}
			if bytes.Contains(bytes.ToLower(out), []byte("deprecat")) {
				t.Errorf("Envoy warns of something deprecated:\n%s", out)
			}
		})
	}
}

// What Envoy writes down holds nothing of the request: after ext_proc its
// headers and path are the real ones.
func TestNoOperatorReadsTheRequest(t *testing.T) {
	text := string(bootstrap(t, full()))
	for _, operator := range []string{"%REQ", "%PATH", "%QUERY", "%RESP(", "%TRAILER", "%REQUEST_HEADER", "%RESPONSE_HEADER", "failure_mode_allow\": true", "tracing", "request_mirror"} {
		if strings.Contains(text, operator) {
			t.Errorf("the bootstrap holds %q", operator)
		}
	}
}

func TestBootstrapRefuses(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*envoy.Options)
		says   string
	}{
		{"no listen address", func(o *envoy.Options) { o.Listen = "" }, "listen"},
		{"listen without port", func(o *envoy.Options) { o.Listen = "localhost" }, "listen"},
		{"no service", func(o *envoy.Options) { o.Service = envoy.Service{} }, "service"},
		{"service on TCP that anyone may be", func(o *envoy.Options) { o.Service = envoy.Service{Address: "127.0.0.1:9191"} }, "needs a key"},
		{"service by a relative path", func(o *envoy.Options) { o.Service.Address = "unix://grpc.sock" }, "absolute"},
		{"service TLS without CA", func(o *envoy.Options) {
			o.Service = envoy.Service{Address: "a:1", TLS: &envoy.ClientTLS{CertFile: "c", KeyFile: "k", Name: "a"}}
		}, "CA file"},
		{"agents' endpoint by a relative path", func(o *envoy.Options) { o.Agent = "agent.sock" }, "absolute path"},
		{"agents' endpoint on TCP that anyone may be", func(o *envoy.Options) { o.Agent = "cloakroom:9193" }, "client certificate"},
		{"negative timeout", func(o *envoy.Options) { o.Timeouts.Idle = -1 }, "timeouts"},
		{"a hold without end", func(o *envoy.Options) { o.Timeouts.Hold = 2 * time.Hour }, "hold"},
		{"an approval's path that is no expression", func(o *envoy.Options) { o.Upstreams[1].Approvals[0].Path = "/(" }, "expression"},
		{"upper-case host", func(o *envoy.Options) { o.Upstreams[0].Host = "API.example.com" }, "lower case"},
		{"host with a dot at its end", func(o *envoy.Options) { o.Upstreams[0].Host = "api.example.com." }, "final dot"},
		{"host with a port", func(o *envoy.Options) { o.Upstreams[0].Host = "api.example.com:443" }, "without port"},
		{"host with a wildcard", func(o *envoy.Options) { o.Upstreams[0].Host = "*.example.com" }, "host's name"},
		{"no route's name", func(o *envoy.Options) { o.Upstreams[0].Route = "" }, "need names"},
		{"no address", func(o *envoy.Options) { o.Upstreams[0].Address = "" }, "host:port"},
		{"a body's path that is no expression", func(o *envoy.Options) { o.Upstreams[1].Bodies[0].Path = "/(" }, "expression"},
		{"a body without a method", func(o *envoy.Options) { o.Upstreams[1].Bodies[0].Method = "" }, "want a method"},
		{"a CA without TLS", func(o *envoy.Options) { o.Upstreams[1].CAFile = "ca.pem" }, "needs TLS"},
		{"two upstreams of one host", func(o *envoy.Options) { o.Upstreams[1].Host, o.Upstreams[1].Prefix = "api.example.com", "" }, "already"},
		{"two upstreams of one cluster", func(o *envoy.Options) { o.Upstreams[1].Cluster = "api" }, "already"},
		{"the service's own cluster", func(o *envoy.Options) { o.Upstreams[1].Cluster = "cloakroom" }, "already"},
		{"prefix of everything", func(o *envoy.Options) { o.Upstreams[1].Prefix = "/" }, "plain path"},
		{"prefix with a slash at its end", func(o *envoy.Options) { o.Upstreams[1].Prefix = "/a/" }, "plain path"},
		{"prefix with an escape", func(o *envoy.Options) { o.Upstreams[1].Prefix = "/%61" }, "plain path"},
		{"prefix with dots", func(o *envoy.Options) { o.Upstreams[1].Prefix = "/a/../b" }, "plain path"},
		{"prefix of the agent endpoint", func(o *envoy.Options) { o.Upstreams[1].Prefix = envoy.AgentPath }, "own"},
		{"prefix above the agent endpoint", func(o *envoy.Options) { o.Upstreams[1].Prefix = "/.well-known" }, "plain path"},
		{"prefix below another", func(o *envoy.Options) {
			u := o.Upstreams[1]
			u.Prefix, u.Route, u.Cluster = "/local/more", "more", "more"
			o.Upstreams = append(o.Upstreams, u)
		}, "lies below"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := full()
			tc.change(&o)
			if _, err := envoy.Bootstrap(o); err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("Bootstrap: %v; want an error that says %q", err, tc.says)
			}
		})
	}
}

func TestBootstrapTellsEveryError(t *testing.T) {
	_, err := envoy.Bootstrap(envoy.Options{Upstreams: []envoy.Upstream{{}}})
	for _, want := range []string{"listen", "service", "upstream", "address"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Bootstrap: %v; want it to name %q too", err, want)
		}
	}
}

func bootstrap(t *testing.T, o envoy.Options) []byte {
	t.Helper()
	text, err := envoy.Bootstrap(o)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
