// Package metrics counts what the service does, for Prometheus.
//
// Labels are names from the configuration and fixed words only: never a
// principal, a path, a value or anything else that a caller could make up. Its
// type satisfies the small observer interfaces of the packages that it serves,
// and imports none of them.
package metrics

import (
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"cloakroom/internal/access"
)

// buckets suit steps between some microseconds and a held request, in seconds.
var buckets = []float64{.00005, .0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .5, 1, 5, 30}

// Metrics holds every metric of one service.
type Metrics struct {
	registry    *prometheus.Registry
	decisions   *prometheus.CounterVec
	refusals    *prometheus.CounterVec
	substituted *prometheus.CounterVec
	masked      *prometheus.CounterVec
	phases      *prometheus.HistogramVec
	byPhase     sync.Map // name → prometheus.Observer, of phases
	exchanges   prometheus.Histogram
	open        prometheus.Gauge
	cut         prometheus.Counter
	issuers     *prometheus.CounterVec
	sources     *prometheus.CounterVec
	store       *prometheus.CounterVec
	turnedAway  prometheus.Counter
	reloads     *prometheus.CounterVec
	alarms      *prometheus.CounterVec
	stolen      prometheus.Counter
	webhooks    *prometheus.CounterVec
}

// New returns metrics that nobody has counted in yet.
func New() *Metrics {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m := &Metrics{
		registry:    r,
		decisions:   vec(r, "decisions_total", "Decisions by outcome.", "outcome"),
		refusals:    vec(r, "refusals_total", "Refusals by code, of the deciding and of the substituting half.", "code"),
		substituted: vec(r, "substitutions_total", "Values put into requests, by credential.", "credential"),
		masked:      vec(r, "masks_total", "Values taken out of responses, by credential.", "credential"),
		issuers:     vec(r, "issuer_failures_total", "Failed attempts to read an issuer's discovery document or keys.", "issuer"),
		sources:     vec(r, "value_failures_total", "Failed attempts to read a credential's value.", "credential"),
		store:       vec(r, "store_failures_total", "Failed writes, by what could not be written.", "what"),
		reloads:     vec(r, "reloads_total", "Readings of a changed configuration, by result.", "result"),
		alarms:      vec(r, "values_sent_total", "Requests in which the caller itself sent a real value, by credential.", "credential"),
		webhooks:    vec(r, "webhooks_total", "Attempts to send an event to a webhook, by result.", "result"),
	}
	m.stolen = prometheus.NewCounter(prometheus.CounterOpts{Namespace: "cloakroom",
		Name: "tickets_stolen_total", Help: "Requests with the ticket of a lease that is bound to another principal."})
	m.phases = prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: "cloakroom",
		Name: "phase_seconds", Help: "Time that the phases of a decision took.", Buckets: buckets}, []string{"phase"})
	m.exchanges = prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "cloakroom",
		Name: "exchange_seconds", Help: "Time from an exchange's first message to its last.", Buckets: buckets})
	m.open = prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "cloakroom",
		Name: "streams_open", Help: "Exchanges under way."})
	m.cut = prometheus.NewCounter(prometheus.CounterOpts{Namespace: "cloakroom",
		Name: "exchanges_cut_total", Help: "Exchanges that ended before they were complete."})
	m.turnedAway = prometheus.NewCounter(prometheus.CounterOpts{Namespace: "cloakroom",
		Name: "callers_turned_away_total", Help: "Connections to the service that did not come from Envoy."})
	r.MustRegister(m.phases, m.exchanges, m.open, m.cut, m.turnedAway, m.stolen)
	return m
}

func vec(r *prometheus.Registry, name, help string, label string) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "cloakroom", Name: name, Help: help}, []string{label})
	r.MustRegister(c)
	return c
}

// Handler serves the metrics in Prometheus's text form.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// Count exports a number that something else counts; name is without the
// namespace and should end in _total.
func (m *Metrics) Count(name, help string, count func() float64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: "cloakroom", Name: name, Help: help}, count))
}

// Gauge exports a number that something else knows.
func (m *Metrics) Gauge(name, help string, value func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "cloakroom", Name: name, Help: help}, value))
}

// Decided counts a decision; code is that of a refusal, else empty.
func (m *Metrics) Decided(outcome access.Outcome, code access.Code) {
	m.decisions.WithLabelValues(outcome.String()).Inc()
	if code != "" {
		m.Refused(code)
	}
}

// Phase tells how long one phase of a decision took.
func (m *Metrics) Phase(name string, took time.Duration) {
	phase, ok := m.byPhase.Load(name)
	if !ok { // names are a fixed few; a look-up by label costs more than the rest
		phase, _ = m.byPhase.LoadOrStore(name, m.phases.WithLabelValues(name))
	}
	phase.(prometheus.Observer).Observe(took.Seconds())
}

// Refused counts a refusal.
func (m *Metrics) Refused(code access.Code) { m.refusals.WithLabelValues(string(code)).Inc() }

// Began counts an exchange as under way.
func (m *Metrics) Began() { m.open.Inc() }

// Ended counts an exchange as over: what was substituted and masked by
// credential, and what cut it short, if something did.
func (m *Metrics) Ended(substituted, masked map[string]int, err error, took time.Duration) {
	m.open.Dec()
	m.exchanges.Observe(took.Seconds())
	if err != nil {
		m.cut.Inc()
	}
	for name, n := range substituted {
		m.substituted.WithLabelValues(name).Add(float64(n))
	}
	for name, n := range masked {
		m.masked.WithLabelValues(name).Add(float64(n))
	}
}

// ValueSent counts a request in which the caller itself sent a real value.
func (m *Metrics) ValueSent(credential string) { m.alarms.WithLabelValues(credential).Inc() }

// Stolen counts a request with the ticket of a lease that is another's.
func (m *Metrics) Stolen() { m.stolen.Inc() }

// WebhookSent counts an attempt to send an event, by its result.
func (m *Metrics) WebhookSent(result string) { m.webhooks.WithLabelValues(result).Inc() }

// IssuerFailed counts a failure to reach an issuer, by its URL.
func (m *Metrics) IssuerFailed(issuer string) { m.issuers.WithLabelValues(issuer).Inc() }

// SourceFailed counts a failure to read a credential's value.
func (m *Metrics) SourceFailed(credential string) { m.sources.WithLabelValues(credential).Inc() }

// StoreFailed counts a failed write to what: "log", "index" or "lease".
func (m *Metrics) StoreFailed(what string) { m.store.WithLabelValues(what).Inc() }

// TurnedAway counts a caller of the service who was not Envoy.
func (m *Metrics) TurnedAway() { m.turnedAway.Inc() }

// Reloaded counts a reading of a changed configuration.
func (m *Metrics) Reloaded(err error) {
	result := "applied"
	if err != nil {
		result = "refused"
	}
	m.reloads.WithLabelValues(result).Inc()
}
