// Package envoy writes Envoy's configuration, typed, with go-control-plane.
//
// It promises a bootstrap in which nothing passes unjudged: every request
// meets ext_authz and then ext_proc, both closed on failure; what Envoy routes
// by is what the service judged (no path is normalised, no route is chosen
// twice, the upstream's host is written by the route); what a TLS upstream
// presents is verified by chain and name; and nothing that Envoy writes down
// shows a header or a path, since after ext_proc they hold real values.
//
// It deliberately knows nothing of the service's own configuration, starts
// nothing, and has no switch that lets a request pass when the service fails.
package envoy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

// Names that Envoy and the service must agree on.
const (
	// MetadataNamespace is where Envoy keeps the dynamic metadata of a
	// CheckResponse, and where ext_proc finds it.
	MetadataNamespace = "envoy.filters.http.ext_authz"
	// ExchangeField is the field in that metadata that the access log prints.
	ExchangeField = "exchange"
	// RouteExtension and ClusterExtension are the keys of the context
	// extensions in which Check is told the route that Envoy took.
	RouteExtension   = "cloakroom.route"
	ClusterExtension = "cloakroom.cluster"
	// KeyMetadata is the gRPC metadata key in which Envoy sends Service.Key.
	KeyMetadata = "x-cloakroom-key"
	// AgentPath is the prefix of the paths that go to Options.Agent on every
	// host. It has no decision and no exchange: the agent endpoint asks for
	// the caller's identity itself.
	AgentPath = "/.well-known/cloakroom"

	// BodyVariant is what the name of an upstream's route ends in for requests
	// whose body the service reads. It reads a route's name up to the "+".
	BodyVariant = "+body"
	// CheckVariant is what the name of an upstream's route ends in for requests
	// whose body Check alone reads.
	CheckVariant = "+check"
	// UpgradeVariant is what the name of an upstream's route ends in for
	// requests for a WebSocket. The service reads a route's name up to the "+".
	UpgradeVariant = "+upgrade"

	serviceCluster = "cloakroom"
	agentCluster   = "cloakroom-agent"
	agentRoute     = "cloakroom-agent"
	noRouteName    = "cloakroom-none"
)

// RequestAttributes are the attributes that come with ext_proc's
// request-headers message, under these names.
var RequestAttributes = []string{"xds.route_name", "xds.cluster_name", "source.address"}

// Options is what a bootstrap is made of.
type Options struct {
	Listen    string     // "host:port" for agents
	TLS       *ServerTLS // nil: agents speak plain HTTP
	Upstreams []Upstream
	Service   Service
	Agent     string // Unix socket's path for AgentPath, or "host:port" by Service.TLS; empty: no such routes
	Admin     string // Unix socket's path (made 0600) for Envoy's admin; empty: none
	AccessLog string // file's path, one JSON object a line; empty: none
	Timeouts  Timeouts
	// AllowUnderscores lets request headers with "_" in their name pass; else
	// they are answered 400. Many backends read "x_a" as "x-a", so who allows
	// it must judge both as one name.
	AllowUnderscores bool
	// CheckBody is how many bytes of a request's body Check sees; 0: none.
	CheckBody uint32
	// Omit leaves filters out, for measuring what each costs. Without
	// ext_authz there is no grant, and without ext_proc no substitution, so a
	// service that holds values refuses.
	Omit Omit
}

// Omit names filters to leave out of the chain.
type Omit struct {
	ExtAuthz, ExtProc bool
}

// ServerTLS is the certificate that agents see: PEM files.
type ServerTLS struct {
	CertFile, KeyFile string
}

// Upstream is one backend. With an empty Prefix it serves requests for Host;
// else it serves paths at and below Prefix, for every host that is not another
// upstream's. The prefix is not taken off here.
type Upstream struct {
	Host    string // the name sent upstream, lower-case, without a port
	Prefix  string // "" or "/github"
	Route   string // unique
	Cluster string // unique
	Address string // "host:port" to dial
	TLS     bool
	CAFile  string // PEM; empty: the system's, which Bootstrap then looks for
	SNI     string // the certificate's name; empty: Host
	HTTP2   bool   // speak HTTP/2 to it; else HTTP/1.1
	// Bodies are the operations in whose request's body something may be
	// substituted. The body of any other request is not judged.
	Bodies []Operation
	// Approvals are the operations of which a person may have to approve: Check
	// is shown their body too.
	Approvals []Operation
	// Messages shows the service what agents send on a WebSocket: something may
	// be substituted in the first message.
	Messages bool
	// Recorded shows the service the body of every request, and what agents send on
	// a WebSocket. Bodies then go on without their length, chunked on HTTP/1.1.
	Recorded bool
}

// Operation is a kind of request by method and path.
type Operation struct {
	Method string // "*": any
	Path   string // a regular expression (RE2) of the whole path, prefix included, without the query
}

// Service is the gRPC service of ext_authz and ext_proc.
type Service struct {
	Address string // "unix:///run/grpc.sock" or "host:port"
	// Key is sent as gRPC metadata under KeyMetadata; empty: none. The
	// bootstrap then holds a secret: keep it in a 0600 file.
	Key string
	TLS *ClientTLS // for TCP; nil: plaintext
}

// ClientTLS is how Envoy and the service know each other on TCP: PEM files.
type ClientTLS struct {
	CertFile, KeyFile, CAFile string
	Name                      string // in the service's certificate
}

// Timeouts are Envoy's; a zero takes the default.
type Timeouts struct {
	Check   time.Duration // a decision, beside Hold; 10 s
	Hold    time.Duration // how long a decision may wait for people, at most 1 h; 0: not at all
	Message time.Duration // ext_proc's answer to the request's headers; 10 s
	Connect time.Duration // to an upstream; 5 s
	Headers time.Duration // for an agent to send its headers; 10 s
	Idle    time.Duration // a stream on which nothing moves; 5 min, and in any case longer than a decision
}

// decision is how long Check may take.
func (t Timeouts) decision() time.Duration { return t.Check + t.Hold }

// idle is how long nothing may move on a stream, as on one that is held.
func (t Timeouts) idle() time.Duration { return max(t.Idle, t.decision()+t.Check) }

func (t Timeouts) withDefaults() Timeouts {
	set := func(d *time.Duration, or time.Duration) {
		if *d == 0 {
			*d = or
		}
	}
	set(&t.Check, 10*time.Second)
	set(&t.Message, 10*time.Second)
	set(&t.Connect, 5*time.Second)
	set(&t.Headers, 10*time.Second)
	set(&t.Idle, 5*time.Minute)
	return t
}

// Bootstrap returns Envoy's static configuration as indented JSON, the same
// bytes for the same options. Its errors, all of them joined, say which option
// is at fault.
func Bootstrap(o Options) ([]byte, error) {
	o.Timeouts = o.Timeouts.withDefaults()
	b := &builder{o: o}
	b.check()
	if len(b.errs) > 0 {
		return nil, errors.Join(b.errs...)
	}
	m := b.bootstrap()
	if err := m.ValidateAll(); err != nil {
		b.errs = append(b.errs, err)
	}
	if len(b.errs) > 0 {
		return nil, fmt.Errorf("building Envoy's bootstrap: %w", errors.Join(b.errs...))
	}
	text, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encoding Envoy's bootstrap: %w", err)
	}
	// protojson varies its spaces on purpose; indenting makes them one.
	var out bytes.Buffer
	if err := json.Indent(&out, text, "", "  "); err != nil {
		return nil, fmt.Errorf("encoding Envoy's bootstrap: %w", err)
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

// builder collects every error instead of stopping at the first.
type builder struct {
	o    Options
	errs []error
}

func (b *builder) fail(format string, args ...any) {
	b.errs = append(b.errs, fmt.Errorf(format, args...))
}

// validated is what every generated message can do.
type validated interface {
	proto.Message
	ValidateAll() error
}

// pack wraps m for a typed_config field. ValidateAll does not look into these,
// so each is validated here.
func (b *builder) pack(m validated) *anypb.Any {
	if err := m.ValidateAll(); err != nil {
		b.errs = append(b.errs, err)
	}
	a := new(anypb.Any)
	if err := anypb.MarshalFrom(a, m, proto.MarshalOptions{Deterministic: true}); err != nil {
		b.errs = append(b.errs, err)
	}
	return a
}

func (b *builder) bootstrap() *bootstrapv3.Bootstrap {
	clusters := []*clusterv3.Cluster{b.serviceCluster()}
	if b.o.Agent != "" {
		clusters = append(clusters, b.agentCluster())
	}
	for _, u := range b.o.Upstreams {
		clusters = append(clusters, b.upstreamCluster(u))
	}
	m := &bootstrapv3.Bootstrap{
		StaticResources: &bootstrapv3.Bootstrap_StaticResources{Clusters: clusters},
		OverloadManager: b.overload(),
		LayeredRuntime:  b.runtime(),
	}
	m.StaticResources.Listeners = append(m.StaticResources.Listeners, b.listener())
	if b.o.Admin != "" {
		m.Admin = &bootstrapv3.Admin{
			Address:               pipe(b.o.Admin, 0o600),
			IgnoreGlobalConnLimit: true,
		}
	}
	return m
}
