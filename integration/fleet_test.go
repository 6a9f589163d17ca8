package integration

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// fleet is three replicas of the service with one configuration, one root key and
// one PostgreSQL, behind one Envoy that is bootstrapped as for any replicas behind
// one name. People come by one address too, which belongs to no replica: a test
// says whom it leads to.
type fleet struct {
	*world
	store    *postgres
	replicas []*rig
	others   string // another issuer of people: robert, who is bob, and erin
	page     string // host:port by which people come
}

// Two names of DNS stand for the replicas' gRPC and agents' listeners. Envoy would
// ask DNS for their addresses, and is told them instead.
const (
	grpcName  = "cloakroom.test:1"
	agentName = "cloakroom.test:2"
)

// newFleet starts all of it. A credential's approvers are people/oncall (alice, on
// whose behalf the agent works, and bob) and others/oncall.
func newFleet(t *testing.T, s setup) *fleet {
	t.Helper()
	s.Humans, s.NoStart = true, true
	root := make([]byte, 32)
	rand.Read(root)
	canary(string(root))
	f := &fleet{world: newWorld(t, s), store: newPostgres(t)}
	f.env = append(f.env, "ROOT_KEY="+base64.StdEncoding.EncodeToString(root))
	f.page = strings.Trim(strings.TrimPrefix(f.listenLine(), "listen: {admin: "), `"}`)
	others := start(t, f.dir, "idp", []string{"IDP_PASSWORD=" + personPassword}, "--humans", "--listen", "127.0.0.1:0",
		"--user", "robert:bob@example.com:oncall", "--user", "erin:erin@example.com:oncall")
	f.others = others.says(t, "listening on ")
	f.share(newReplicaPKI(t, f.dir))
	for i := range 3 {
		f.replicas = append(f.replicas, f.replica(fmt.Sprint("replica", i)))
	}
	f.envoy()
	return f
}

// newReplicaPKI has a leaf for the replicas too.
func newReplicaPKI(t *testing.T, dir string) *pki {
	p := newPKI(t, dir)
	p.issue(t, "replica", &x509.Certificate{SerialNumber: big.NewInt(9), NotBefore: p.ca.NotBefore, NotAfter: p.ca.NotAfter,
		DNSNames: []string{"cloakroom.test"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}, newECKey(t))
	return p
}

// share writes what the replicas have in common.
func (f *fleet) share(p *pki) {
	f.t.Helper()
	file := func(name string) string { return filepath.Join(p.dir, name) }
	f.rewrite("identity:\n", fmt.Sprintf("keys: {env: ROOT_KEY}\nstore: {url: %q}\nidentity:\n", f.store.URL()))
	f.rewrite("  issuers:\n", fmt.Sprintf(`  issuers:
    - {name: others, issuer: %s, audiences: [cloakroom-cli], claims: {groups: groups, person: email}, human: true, groups_allowed: [oncall]}
`, f.others))
	f.rewrite("audiences: [cloakroom]\n      claims: {groups: groups, person: email}", "audiences: [cloakroom-cli]\n      claims: {groups: groups, person: email}")
	f.rewrite("login: {", "url: \"http://"+f.page+"\"\n  login:\n  - {")
	f.rewrite("cli_client_id: cloakroom-cli}\n", "cli_client_id: cloakroom-cli}\n  - {issuer: others, client_id: cloakroom-page, cli_client_id: cloakroom-cli}\n")
	f.rewrite("approvers: [oncall]\n  auditors", "approvers: [people/oncall]\n  auditors")
	f.rewrite("\nenvoy:\n", fmt.Sprintf("\nenvoy:\n  service: {grpc: %q, agent: %q, tls: {cert: %s, key: %s, ca: %s, name: cloakroom.test}}\n",
		grpcName, agentName, file("gateway.pem"), file("gateway.key"), file("ca.pem")))
	f.rewrite(f.listenLine(), fmt.Sprintf(`listen: {admin: "ADMIN", grpc: "GRPC", agent: "AGENT", tls: {cert: %s, key: %s, client_ca: %s, clients: ["spiffe://test.example/gateway"]}}`,
		file("replica.pem"), file("replica.key"), file("ca.pem")))
}

// replica starts one, in a folder of its own.
func (f *fleet) replica(name string) *rig {
	f.t.Helper()
	own := *f.world
	own.dir = f.path(name)
	if err := os.Mkdir(own.dir, 0o700); err != nil {
		f.t.Fatal(err)
	}
	shared, err := os.ReadFile(f.path("cloakroom.yaml"))
	if err != nil {
		f.t.Fatal(err)
	}
	own.write("cloakroom.yaml", string(shared))
	for _, what := range []string{"ADMIN", "GRPC", "AGENT"} {
		own.rewrite(what, freePort(f.t))
	}
	r := &rig{world: &own}
	r.serve()
	return r
}

// envoy starts the Envoy before the replicas.
func (f *fleet) envoy() {
	f.t.Helper()
	front := *f.replicas[0].world // whose addresses may stand where the names do not
	bootstrap := front.bootstrap()
	for _, c := range at(bootstrap, "static_resources", "clusters").([]any) {
		switch c := c.(node); c["name"] {
		case "cloakroom":
			f.leadTo(c, "grpc")
		case "cloakroom-agent":
			f.leadTo(c, "agent")
		}
	}
	_, address := startEnvoy(f.t, f.dir, bootstrap)
	f.gateway = "http://" + address
	for _, r := range f.replicas {
		r.gateway = f.gateway
	}
}

// leadTo puts every replica's address in the place of the name.
func (f *fleet) leadTo(cluster node, listener string) {
	var all []any
	for _, r := range f.replicas {
		_, rest, _ := strings.Cut(r.listenLine(), listener+`: "`)
		address, _, _ := strings.Cut(rest, `"`)
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			f.t.Fatal(err)
		}
		n, _ := strconv.Atoi(port)
		all = append(all, node{"endpoint": node{"address": node{"socket_address": node{"address": host, "port_value": n}}}})
	}
	cluster["type"] = "STATIC"
	delete(cluster, "dns_lookup_family")
	at(cluster, "load_assignment", "endpoints", 0).(node)["lb_endpoints"] = all
}

// nth is the n-th replica, counted round.
func (f *fleet) nth(n int) *rig { return f.replicas[n%len(f.replicas)] }

// ready tells whether a replica says that it is.
func (f *fleet) ready(r *rig) bool {
	answer, err := f.client.Get(r.admin + "/readyz")
	if err != nil {
		return false
	}
	answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}
