package integration

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// exported is what `log export --json` prints.
type exported struct{ Entries, Events, Last int }

// gathered is what a collector sent on, as OTLP in JSON.
type gathered struct {
	mu  sync.Mutex
	all []otlpRecord
	bad string // a delivery in which that stands is rejected; empty: none is
}

type otlpRecord struct {
	EventName    string
	SeverityText string
	TimeUnixNano string
	Attributes   []otlpPair
	Body         otlpValue
}

type otlpPair struct {
	Key   string
	Value otlpValue
}

type otlpValue struct {
	StringValue string
	IntValue    string
	KvlistValue struct{ Values []otlpPair }
}

// at is the member of a map that the names lead to.
func (v otlpValue) at(names ...string) otlpValue {
	for _, name := range names {
		next := otlpValue{}
		for _, p := range v.KvlistValue.Values {
			if p.Key == name {
				next = p.Value
			}
		}
		v = next
	}
	return v
}

func (g *gathered) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var sent struct {
		ResourceLogs []struct {
			ScopeLogs []struct{ LogRecords []otlpRecord }
		}
	}
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(body, &sent)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	page(string(body))
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.bad != "" && strings.Contains(string(body), g.bad) {
		http.Error(w, "of no use", http.StatusBadRequest)
		return
	}
	for _, of := range sent.ResourceLogs {
		for _, scope := range of.ScopeLogs {
			g.all = append(g.all, scope.LogRecords...)
		}
	}
}

// uids are those of the records, in order.
func (g *gathered) uids() (uids []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, r := range g.all {
		for _, a := range r.Attributes {
			if a.Key == "log.record.uid" {
				uids = append(uids, a.Value.StringValue)
			}
		}
	}
	return uids
}

var buildCollector = sync.OnceValue(func() error {
	build := exec.Command("go", "build", "-o", filepath.Join(bin, "collector"), ".")
	build.Dir = "collector"
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building the collector: %w\n%s", err, out)
	}
	return nil
})

// collector starts OpenTelemetry's collector, and returns its URL and what it
// sends on.
func (w *world) collector() (string, *gathered) {
	w.t.Helper()
	if err := buildCollector(); err != nil {
		w.t.Fatal(err)
	}
	g := &gathered{}
	behind := httptest.NewServer(g)
	w.t.Cleanup(behind.Close)
	address := freePort(w.t)
	w.write("collector.yaml", fmt.Sprintf(`receivers: {otlp: {protocols: {http: {endpoint: %q}}}}
exporters: {otlp_http: {endpoint: %q, encoding: json, compression: none, sending_queue: {enabled: false}}}
service:
  pipelines: {logs: {receivers: [otlp], exporters: [otlp_http]}}
  telemetry: {metrics: {level: none}}
`, address, behind.URL))
	start(w.t, w.dir, "collector", nil, "--config", "file:collector.yaml")
	w.eventually("the collector listens", func() bool {
		answer, err := http.Post("http://"+address+"/v1/logs", "application/json", strings.NewReader("{}"))
		if err != nil {
			return false
		}
		answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	})
	return "http://" + address, g
}

// lines are the events of a file, which must each be JSON.
func (w *world) lines(name string) (all []map[string]any) {
	w.t.Helper()
	text, err := os.ReadFile(filepath.Join(w.dir, name))
	if err != nil {
		w.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var event map[string]any
		if err := json.Unmarshal([]byte(line), &event); err != nil {
			w.t.Fatal(err)
		}
		all = append(all, event)
	}
	return all
}

// TestExport sends a running service's log to a file and to a real collector,
// twice, and follows it.
func TestExport(t *testing.T) {
	t.Parallel()
	m := echoing(t)
	m.get("/api/v1/x", m.agent...)
	m.get("/api/v1/x", m.agent[0], m.agent[1], "authorization", "Bearer "+m.world.placeholder("other"))
	m.eventually("the exchanges are logged", func() bool {
		log := m.logText()
		return strings.Count(log, `,"end":{`) == 2 // refused ones end too
	})

	var done, again exported
	m.run(&done, "log", "export", "--to", "events.ocsf", "--state", "state")
	ocsf := m.lines("events.ocsf")
	if done.Events != len(ocsf) || done.Events < done.Entries || done.Entries != done.Last || done.Last < 3 {
		t.Errorf("got %+v, and %d lines", done, len(ocsf))
	}
	m.run(&again, "log", "export", "--to", "events.ocsf", "--state", "state")
	if again.Events != 0 || again.Last != done.Last || len(m.lines("events.ocsf")) != len(ocsf) {
		t.Errorf("the second time: %+v", again)
	}
	m.run(&again, "log", "export", "--format", "ecs", "--to", "events.ecs")
	if ecs := m.lines("events.ecs"); len(ecs) != len(ocsf) || ecs[0]["ecs"] == nil {
		t.Errorf("%d events of ECS: %v", len(ecs), ecs)
	}

	m.toCollector(ocsf)
	m.toChooser(ocsf)
}

// toCollector sends the log to a real collector, which must get the events and what
// is logged later.
func (m *masking) toCollector(ocsf []map[string]any) {
	t := m.t
	t.Helper()
	var again exported
	url, g := m.collector()
	follower := start(t, m.dir, "cloakroom", m.env, "log", "export", "--to", url, "--state", "sent", "--follow")
	m.eventually("everything arrives", func() bool { return len(g.uids()) == len(ocsf) })
	m.get("/api/v1/x", m.agent...)
	m.eventually("what comes later arrives", func() bool { return len(g.uids()) >= len(ocsf)+2 })
	follower.signal(syscall.SIGTERM)
	<-follower.done
	if follower.err != nil {
		t.Errorf("the follower ended with %v", follower.err)
	}
	for i, uid := range g.uids() {
		r := g.all[i]
		if i < len(ocsf) && (uid != ocsf[i]["metadata"].(map[string]any)["uid"] || r.Body.at("message").StringValue != ocsf[i]["message"] ||
			r.Body.at("metadata", "uid").StringValue != uid) {
			t.Errorf("the collector got %+v, and the file %v", r, ocsf[i])
		}
	}
	m.eventually("nothing is left behind the follower", func() bool { // the service may still end what it recorded
		m.run(&again, "log", "export", "--to", url, "--state", "sent")
		return again.Events == 0
	})
}

// toChooser sends the log to a real collector that rejects one event: it is put aside,
// the others arrive, and it is said.
func (m *masking) toChooser(ocsf []map[string]any) {
	t := m.t
	t.Helper()
	uid := ocsf[1]["metadata"].(map[string]any)["uid"].(string)
	url, g := m.collector()
	g.bad = `"` + uid + `"`
	stdout, stderr, code := command(t, m.dir, m.env, "log", "export", "--to", url, "--state", "chosen", "--json")
	page(stdout, stderr)
	var done struct{ Events, Rejected int }
	if err := json.Unmarshal([]byte(stdout), &done); err != nil || code != 1 || done.Rejected != 1 || !strings.Contains(stderr, "event "+uid+" is rejected") ||
		!strings.Contains(stderr, `they are in "chosen.rejected"`) {
		t.Errorf("exit %d, %v: %s%s", code, err, stdout, stderr)
	}
	if got := g.uids(); slices.Contains(got, uid) || len(slices.Compact(slices.Sorted(slices.Values(got)))) != done.Events-1 {
		t.Errorf("of %d events %d arrived: %q", done.Events, len(got), got)
	}
	if aside := m.lines("chosen.rejected"); len(aside) != 1 || aside[0]["metadata"].(map[string]any)["uid"] != uid {
		t.Errorf("put aside: %v", aside)
	}
}

// TestExportRefuses pins what it does not guess.
func TestExportRefuses(t *testing.T) {
	t.Parallel()
	m := echoing(t)
	m.write("other", `{"log":"none","seq":1,"hash":"`+strings.Repeat("0", 64)+`"}`)
	for _, tt := range []struct {
		arguments string
		code      int
		want      string
	}{
		{"log export --format cef", 2, "ocsf or ecs"},
		{"log export --to ftp://a", 1, "http://127.0.0.1:4318"},
		{"log export --to http://127.0.0.1:1", 1, "delivering"},
		{"log export --to nowhere/x", 1, "no such file"},
		{"log export --state other", 1, "a state of its own"},
		{"log export --config none.yaml", 1, "none.yaml"},
	} {
		if tt.arguments == "log export --to http://127.0.0.1:1" {
			m.get("/api/v1/x", m.agent...)
		}
		stdout, stderr, code := command(t, m.dir, m.env, strings.Fields(tt.arguments)...)
		page(stdout, stderr)
		if code != tt.code || !strings.Contains(stderr, tt.want) {
			t.Errorf("%s: exit %d: %s", tt.arguments, code, stderr)
		}
	}
}
