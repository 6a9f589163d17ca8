package integration

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// ending is what must become of a request of the table. The zero value is the
// strictest.
type ending uint8

const (
	refused ending = iota // no backend hears a byte
	inert                 // a backend gets it, with every placeholder as text
	sent                  // a backend gets the value, where the row says
)

// bypass is one request that somebody could try in order to have a value sent
// where it must not go. In every text {name} is the placeholder of that
// credential, {NAME} its value, and the other words of newTable.
type bypass struct {
	name     string
	raw      string   // HTTP/1.1, as it goes over the wire
	fields   []string // instead: HTTP/2, name, value, name, …
	body     string   // HTTP/2 only
	trailers []string // HTTP/2 only

	ending ending
	status int    // of a refusal; 0: any but 1xx, 2xx, 3xx, or none at all
	code   string // of a refusal that the service decides and records
	// upstream must stand in what the backend hears, each once; with sent the
	// value stands nowhere else.
	upstream []string
	without  []string      // must not stand in what the backend hears
	silence  time.Duration // how long to wait for a second answer
}

// bypassConfig has credentials at every kind of location.
const bypassConfig = `
tiers: {low: {lease: 15m}}
credentials:
  - {name: public, tier: low, groups: [ai-agents], value: {env: PUBLIC}, allow: [{hosts: [a.test], methods: [GET], paths: ["/v1/public/**"]}]}
  - {name: second, tier: low, groups: [ai-agents], value: {env: SECOND}, allow: [{hosts: [a.test], methods: [GET], paths: ["/v1/public/**"]}]}
  - {name: query, tier: low, groups: [ai-agents], value: {env: QUERY}, allow: [{hosts: [a.test], methods: [GET], paths: ["/q/**"], in: ["query:key"]}]}
  - {name: cookie, tier: low, groups: [ai-agents], value: {env: COOKIE}, allow: [{hosts: [a.test], methods: [GET], paths: ["/c/**"], in: ["cookie:session"]}]}
  - {name: bot, tier: low, groups: [ai-agents], value: {env: BOT}, allow: [{hosts: [a.test], methods: [GET], paths: ["/bot*/send"], in: [path]}]}
  - {name: special, tier: low, groups: [ai-agents], value: {env: SPECIAL}, allow: [{hosts: [a.test], methods: [GET], paths: ["/s/**"], in: ["header:x-special"]}]}
  - {name: every, tier: low, groups: [ai-agents], value: {env: EVERY}, allow: [{hosts: [a.test], methods: ["*"], paths: ["/any/**"]}]}
  - {name: prefixed, tier: low, groups: [ai-agents], value: {env: PREFIXED}, allow: [{hosts: [b.test], methods: [GET], paths: ["/v1/**"]}]}
  - {name: field, tier: low, groups: [ai-agents], value: {env: FIELD}, allow: [{hosts: [a.test], methods: [POST], paths: ["/f/**"], in: ["body:/secret", "body:/a/0/b", "form:secret"]}]}
  - {name: money, tier: low, groups: [finance], value: {env: MONEY}, allow: [{hosts: [a.test], methods: [GET], paths: ["/v1/public/**"]}]}
`

var bypassNames = []string{"public", "second", "query", "cookie", "bot", "special", "every", "prefixed", "field", "money"}

// table is the running world of the rows.
type table struct {
	*world
	a, b    *wire // by Host a.test, and by the prefix /api
	address string
	values  map[string]string
	secret  []string // what no client ever gets, and no backend but by the row's word
	words   *strings.Replacer
	records map[string]string // code by record, of the refusals so far
	counted int               // refusals that are only counted
}

// TestBypasses walks the table. Rows are only ever added.
func TestBypasses(t *testing.T) {
	tb := newTable(t)
	for _, rows := range [][]bypass{pathRows, targetRows, hostRows, overrideRows, framingRows, http2Rows, agentRows, placeRows, cookieRows, bodyRows, forgedRows, identityRows, responseRows} {
		for _, row := range rows {
			if row.ending != refused {
				t.Run(row.name, func(t *testing.T) { tb.try(t, row) })
			}
		}
		tb.tryRefused(t, rows)
	}
	tb.recorded(t)
	tb.wereCounted(t)
}

func newTable(t *testing.T) *table {
	t.Helper()
	tb := &table{a: newWire(t), b: newWire(t), values: map[string]string{}, records: map[string]string{}}
	env := map[string]string{}
	for _, name := range bypassNames {
		tb.values[name] = value() + "/+&="
		if name == "cookie" {
			tb.values[name] = "SK-" + value() // a token, so that it can be a header's name
		}
		env[strings.ToUpper(name)] = tb.values[name]
	}
	tb.world = newWorld(t, setup{Values: env, Config: bypassConfig, Upstreams: []string{
		`{host: a.test, address: "` + tb.a.address() + `"}`,
		`{host: b.test, prefix: /api, address: "` + tb.b.address() + `"}`,
	}})
	tb.unseal()
	tb.address = strings.TrimPrefix(tb.gateway, "http://")
	tb.vocabulary()
	return tb
}

// vocabulary makes the words that rows may use.
func (tb *table) vocabulary() {
	token, other := tb.token(agentClient), tb.token(otherClient)
	ticket, foreign := tb.ticket(agentClient, "public"), tb.ticket(otherClient, "public")
	elsewhere := tb.elsewhere()
	var pairs []string
	for _, name := range bypassNames {
		placeholder, v := tb.placeholder(name), tb.values[name]
		last := placeholder[len(placeholder)-1:]
		forged := placeholder[:len(placeholder)-1] + map[bool]string{true: "1", false: "0"}[last == "0"]
		pairs = append(pairs, "{"+name+"}", placeholder, "{"+strings.ToUpper(name)+"}", v, "{"+strings.ToUpper(name)+"%}", url.QueryEscape(v),
			"{forged "+name+"}", forged, "{foreign "+name+"}", elsewhere.placeholder(name), "{upper "+name+"}", strings.ToUpper(placeholder),
			"{escaped "+name+"}", strings.ReplaceAll(placeholder, "_", "%5F"), "{unicode "+name+"}", `\u0063`+placeholder[1:],
			"{password "+name+"}", basic("user:"+placeholder), "{PASSWORD "+name+"}", basic("user:"+v),
			"{user "+name+"}", basic(placeholder+":pass"), "{USER "+name+"}", basic(v+":pass"))
		tb.secret = append(tb.secret, v)
	}
	tb.secret = append(tb.secret, token, other)
	signed := strings.Split(token, ".")
	pairs = append(pairs, "{percent token}", strings.ReplaceAll(token, ".", "%2E"), "{base64 token}", base64.StdEncoding.EncodeToString([]byte(token)),
		"{unsigned token}", signed[0]+"."+signed[1]+".",
		"{none token}", base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`))+"."+signed[1]+".")
	pairs = append(pairs, "{token}", token, "{other token}", other, "{password token}", basic("user:"+token), "{ticket}", ticket, "{other ticket}", foreign,
		"{id}", "x-cloakroom-token: "+token+"\r\nx-cloakroom-session: bypass\r\n", "{long}", strings.Repeat("a", 9000),
		"{many}", strings.Repeat(tb.placeholder("public")+" ", 257))
	tb.words = strings.NewReplacer(pairs...)
}

func basic(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

// elsewhere is another instance with the same configuration: its placeholders
// are made with another key.
func (tb *table) elsewhere() *world {
	tb.t.Helper()
	w := *tb.world
	w.dir = filepath.Join(tb.dir, "elsewhere")
	text, err := os.ReadFile(filepath.Join(tb.dir, "cloakroom.yaml"))
	if err == nil {
		err = os.Mkdir(w.dir, 0o700)
	}
	if err != nil {
		tb.t.Fatal(err)
	}
	w.write("cloakroom.yaml", string(text))
	return &w
}

// try sends one row's request, and holds what became of it against the row.
func (tb *table) try(t *testing.T, row bypass) {
	tb.heard()
	got := tb.send(row)
	heard, requests := tb.heard()
	tb.checkAnswer(t, got)
	if requests != 1 {
		t.Errorf("upstreams heard %d requests, want 1: %q; the answer was %q", requests, heard, got.text)
		return
	}
	tb.checkHeard(t, row, got, heard)
}

// tryRefused sends all requests of rows that must be refused at once, for Envoy
// takes its time to close a connection: no upstream may hear anything.
func (tb *table) tryRefused(t *testing.T, rows []bypass) {
	t.Helper()
	tb.heard()
	got := make([]reply, len(rows))
	var open sync.WaitGroup
	for i, row := range rows {
		if row.ending == refused {
			open.Go(func() { got[i] = tb.send(row) })
		}
	}
	open.Wait()
	for i, row := range rows {
		if row.ending == refused {
			t.Run(row.name, func(t *testing.T) {
				tb.checkAnswer(t, got[i])
				tb.checkRefused(t, row, got[i])
			})
		}
	}
	if heard, _ := tb.heard(); heard != "" {
		t.Errorf("of what must be refused an upstream heard %q", heard)
	}
}

// heard is what both upstreams heard since the last call.
func (tb *table) heard() (heard string, requests int) {
	heardA, requestsA := tb.a.take()
	heardB, requestsB := tb.b.take()
	return heardA + heardB, requestsA + requestsB
}

func (tb *table) checkAnswer(t *testing.T, got reply) {
	if got.err != nil {
		t.Errorf("sending: %v; so far %q", got.err, got.text)
	}
	for _, s := range tb.secret {
		for form, text := range forms(s) {
			if strings.Contains(strings.ToLower(got.text), strings.ToLower(text)) {
				t.Errorf("the answer holds a secret (%s)", form)
			}
		}
	}
}

func (tb *table) send(row bypass) reply {
	if row.fields == nil {
		text := tb.words.Replace(row.raw)
		_, body, _ := strings.Cut(text, "\r\n\r\n")
		return raw(tb.address, strings.ReplaceAll(text, "{length}", strconv.Itoa(len(body))), row.silence)
	}
	fill := func(in []string) (out []string) {
		for _, s := range in {
			out = append(out, tb.words.Replace(s))
		}
		return out
	}
	return raw2(tb.address, fill(row.fields), tb.words.Replace(row.body), fill(row.trailers))
}

func (tb *table) checkRefused(t *testing.T, row bypass, got reply) {
	if row.status == 0 && got.status >= 100 && got.status < 400 || row.status != 0 && got.status != row.status {
		t.Errorf("status %d, want %d (0: a refusal): %q", got.status, row.status, got.text)
	}
	var said struct {
		Error struct{ Code, Record string }
	}
	if at := strings.IndexByte(got.text, '{'); at >= 0 {
		json.NewDecoder(strings.NewReader(got.text[at:])).Decode(&said) // what is no JSON has no code
	}
	if row.code != "" && said.Error.Code != row.code {
		t.Errorf("code %q, want %q: %q", said.Error.Code, row.code, got.text)
	}
	switch {
	case row.code == "":
	case said.Error.Record != "":
		tb.records[said.Error.Record] = row.code
	case row.code == "unauthenticated" || row.code == "unknown_placeholder":
		tb.counted++
	default:
		t.Errorf("the refusal names no record: %q", got.text)
	}
}

// checkHeard takes what may stand upstream out of what was heard; no secret may
// be left.
func (tb *table) checkHeard(t *testing.T, row bypass, got reply, heard string) {
	if got.status != 200 {
		t.Errorf("status %d, want 200: %q", got.status, got.text)
	}
	rest := heard
	for _, want := range row.upstream {
		want = tb.words.Replace(want)
		if strings.Count(rest, want) != 1 {
			t.Errorf("upstream heard %d times %q, want once, in %q", strings.Count(rest, want), want, rest)
		}
		if row.ending == sent {
			rest = strings.Replace(rest, want, "", 1)
		}
	}
	for _, bad := range row.without {
		if bad = tb.words.Replace(bad); strings.Contains(strings.ToLower(heard), strings.ToLower(bad)) {
			t.Errorf("upstream heard %q, in %q", bad, heard)
		}
	}
	for _, s := range tb.secret {
		for form, text := range forms(s) {
			if strings.Contains(rest, text) {
				t.Errorf("upstream heard a secret (%s) where it must not stand, in %q", form, heard)
			}
		}
	}
}

// forms are a secret and what it is written as in requests.
func forms(s string) map[string]string {
	long := base64.StdEncoding.EncodeToString([]byte(s))
	shift1, shift2 := base64.StdEncoding.EncodeToString([]byte("x"+s)), base64.StdEncoding.EncodeToString([]byte("xx"+s))
	cut := func(b string, from int) string { return b[from : len(b)-8] }
	return map[string]string{"raw": s, "percent": url.QueryEscape(s), "hex": hex.EncodeToString([]byte(s)),
		"base64": cut(long, 0), "base64 after 1": cut(shift1, 4), "base64 after 2": cut(shift2, 4)}
}
