package config

import (
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/inventory"
	"cloakroom/internal/secret"
)

// Config is a configuration file, checked and resolved. All paths in it are
// absolute, or relative to the working directory if the file's own was.
type Config struct {
	File        string // as it was given to Load
	Identity    Identity
	Tiers       []inventory.Tier // in the file's order
	Credentials []inventory.Credential
	Sources     map[string]secret.Source // where values are, by credential
	Strict      bool                     // placeholders: strict
	Mask        Mask
	Policy      Policy
	Store       Store
	Record      Record
	Keys        Keys
	Listen      Listen
	Admin       Admin
	Webhooks    []Webhook
	Slack       *Slack // nil: nobody answers from Slack
	Envoy       Envoy
}

// Identity says whom to trust and where tokens stand.
type Identity struct {
	Issuers      []Issuer
	TokenHeaders []string // lower-case, in order; never empty
}

// Issuer is an OIDC provider that is trusted.
type Issuer struct {
	Name          string // unique; the URL's host unless configured
	URL           string // exactly as its tokens say
	Audiences     []string
	Groups        []string // path of the claim that holds the groups, outermost first
	Person        []string // path of the claim that names the human; empty: nobody is named
	Human         bool     // its tokens mean that a person logged in
	GroupsAllowed []string // the groups that count; empty: all
	CAFile        string   // PEM; empty: the system's
}

// Mask says what is taken out of responses beside the values in force.
type Mask struct {
	Former time.Duration // for so long, values that were replaced
}

// Policy is the author's own policy.
type Policy struct {
	Dir      string   // empty: the built-in policy alone
	Decision string   // path of the rule that answers; empty: the default
	AllowNet []string // hosts that http.send may reach
}

// Store is where state is kept: a SQLite file, or a PostgreSQL database.
type Store struct {
	Path     string         // of the SQLite file; empty: URL
	URL      string         // "postgres://…", without a password; empty: Path
	Password *secret.Source // for URL; nil: none
}

// Keys says where the root key is: Env if it is set, else File, which is made
// on first start.
type Keys struct {
	File, Env string
}

// Listen says where the service listens and who may call. Addresses are
// "unix:///path" or "host:port"; empty: not configured.
type Listen struct {
	GRPC, Admin, Agent string
	TLS                *ServerTLS     // of GRPC on TCP
	Key                *secret.Source // what Envoy must send; nil: nothing
	PeerUIDs           []uint32       // who may connect to a Unix socket; empty: our own user
}

// ServerTLS is a server's certificate and the clients it takes: PEM files.
type ServerTLS struct {
	CertFile, KeyFile string
	ClientCAFile      string   // empty: no client certificates
	Clients           []string // exact SPIFFE ids or DNS names
}

// Admin says how people reach the admin listener and log in there, and which
// groups may do what operators, approvers and auditors do.
type Admin struct {
	URL                            string // "https://cloakroom.example.com"; empty: not known
	Logins                         []Login
	Operators, Approvers, Auditors []access.Group
}

// Webhook is a receiver of what happens to questions and leases.
type Webhook struct {
	Name      string
	URL       secret.Value   // it may let whoever knows it speak; zero: URLSource
	URLSource *secret.Source // nil: URL
	Secret    *secret.Source // that events are signed with; nil: they are not
	Form      string         // "json" or "slack"
	Events    []string       // their types; empty: all
	Plaintext bool           // http to any host
}

// Slack says whose clicks in Slack count.
type Slack struct {
	Teams         []string // ids of workspaces, such as T0123ABCD
	SigningSecret *secret.Source
	People        []SlackPerson // no id and no person twice
}

// SlackPerson is a member of the workspace and the human that it stands for.
type SlackPerson struct {
	ID     string         // the member's, such as U0123ABCD
	Person string         // access.Principal.Person
	Groups []access.Group // of one issuer, which is human
}

// Login says how people of one issuer log in.
type Login struct {
	Issuer       string // the URL of an issuer that is Human
	ClientID     string
	ClientSecret *secret.Source // nil: a public client
	CLIClientID  string         // a public client that comes back to loopback; empty: none
	Scopes       []string       // never empty
	ACR          string         // class that a fresh login must be of; empty: any
}

// Envoy is what Envoy is configured with.
type Envoy struct {
	Listen    string     // "host:port" for agents; empty: no envoy section
	TLS       *ServerTLS // nil: agents speak plain HTTP
	Service   *Reach     // nil: Envoy reaches the service where listen says
	Upstreams []Upstream
}

// Reach is how an Envoy in another container or on another machine reaches the
// service, by mTLS. Addresses are "host:port", and a name may stand for several
// replicas; paths are Envoy's, and nothing is read from them here.
type Reach struct {
	GRPC, Agent       string // empty Agent: the agents' endpoint is not routed to
	CertFile, KeyFile string // what Envoy shows
	CAFile, Name      string // the service's certificate: who signed it, and for whom
}

// Upstream is one backend.
type Upstream struct {
	Host      string // lower-case
	Prefix    string // "" or "/github"
	Address   string // "host:port"
	TLS       bool
	CAFile    string // PEM; empty: the system's
	SNI       string // empty: Host
	Plaintext bool   // plaintext was asked for in so many words
	HTTP2     bool
}

// Route is the name of the upstream's route: "host:" and the host, or "prefix:"
// and the prefix.
func (u Upstream) Route() string {
	if u.Prefix != "" {
		return "prefix:" + u.Prefix
	}
	return "host:" + u.Host
}

// Cluster is the name of the upstream's cluster: "upstream:" and the prefix, or
// the host if there is none.
func (u Upstream) Cluster() string {
	if u.Prefix != "" {
		return "upstream:" + u.Prefix
	}
	return "upstream:" + u.Host
}

// Inventory is what inventory.New takes, beside the key and c.Strict.
func (c *Config) Inventory() ([]inventory.Credential, []inventory.Upstream) {
	var upstreams []inventory.Upstream
	for _, u := range c.Envoy.Upstreams {
		upstreams = append(upstreams, inventory.Upstream{Host: u.Host, Prefix: u.Prefix, Route: u.Route(), Cluster: u.Cluster()})
	}
	return c.Credentials, upstreams
}
