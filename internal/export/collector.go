package export

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/log"
	sdk "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/resource"
)

// collector sends events as OpenTelemetry's log records. Its logger only makes
// the records: they are sent by Deliver itself, which so knows what became of
// them.
type collector struct {
	url      string
	exporter *otlploghttp.Exporter
	provider *sdk.LoggerProvider
	made     *[]sdk.Record
}

// ToCollector delivers to an OpenTelemetry collector by OTLP over HTTP: endpoint
// is its URL, to which /v1/logs is added where it has no path. Other settings
// (headers, certificates, compression) are OpenTelemetry's own environment
// variables, OTEL_EXPORTER_OTLP_…. An event's schema stands in the record's body,
// its UID in the attribute log.record.uid.
func ToCollector(ctx context.Context, endpoint string, m *Mapper) (Sink, error) {
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return nil, errors.New("opening a collector: want its URL, such as http://127.0.0.1:4318, without a password")
	}
	if strings.Trim(u.Path, "/") == "" {
		u.Path = "/v1/logs"
	}
	e, err := otlploghttp.New(ctx, otlploghttp.WithEndpointURL(u.String()))
	if err != nil {
		return nil, fmt.Errorf("opening collector %q: %w", u.Redacted(), err)
	}
	c := &collector{url: u.String(), exporter: e, made: new([]sdk.Record)}
	c.provider = sdk.NewLoggerProvider(sdk.WithProcessor(gathering{c.made}), sdk.WithResource(resource.NewSchemaless(
		attribute.String("service.name", "cloakroom"), attribute.String("service.version", m.Version), attribute.String("service.instance.id", m.Log))))
	return c, nil
}

// gathering keeps the records that a logger makes.
type gathering struct{ made *[]sdk.Record }

func (g gathering) OnEmit(_ context.Context, r *sdk.Record) error {
	*g.made = append(*g.made, r.Clone())
	return nil
}
func (gathering) Enabled(context.Context, sdk.EnabledParameters) bool { return true }
func (gathering) Shutdown(context.Context) error                      { return nil }
func (gathering) ForceFlush(context.Context) error                    { return nil }

// otelSeverities are OpenTelemetry's numbers.
var otelSeverities = map[Severity]log.Severity{Informational: log.SeverityInfo, Low: log.SeverityInfo2, Medium: log.SeverityWarn, High: log.SeverityError}

func (c *collector) Deliver(ctx context.Context, events []Event) error {
	*c.made = (*c.made)[:0]
	logger := c.provider.Logger("cloakroom/internal/export")
	for _, e := range events {
		body, err := value(e.Fields)
		if err != nil {
			return err
		}
		var r log.Record
		r.SetEventName(e.Name)
		r.SetTimestamp(e.Time)
		r.SetObservedTimestamp(time.Now())
		r.SetSeverity(otelSeverities[e.Severity])
		r.SetSeverityText(severities[e.Severity])
		r.SetBody(body)
		r.AddAttributes(attribute.String("log.record.uid", e.UID))
		logger.Emit(ctx, r)
	}
	return c.judge(c.exporter.Export(ctx, *c.made))
}

// partial is how the exporter tells that a collector took a delivery but for so many.
var partial = regexp.MustCompile(`(?s)^OTLP partial success: .* \((\d+) logs rejected\)$`)

// judge tells a delivery that a collector rejects from one that failed: of the statuses
// those that are about what was sent. The exporter says it in words alone; words that
// are not known here are a failure.
func (c *collector) judge(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	if m := partial.FindStringSubmatch(text); m != nil {
		if m[1] == "0" { // a warning: all was taken
			return nil
		}
		return Rejection{err}
	}
	status, failed := strings.CutPrefix(text, "failed to send logs to "+c.url+": ")
	for _, code := range []int{http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity} {
		if failed && strings.HasPrefix(status, strconv.Itoa(code)+" ") {
			return Rejection{err}
		}
	}
	return err
}

func (c *collector) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return errors.Join(c.provider.Shutdown(ctx), c.exporter.Shutdown(ctx))
}

// value is what JSON makes of the fields, as OpenTelemetry has values.
func value(f Fields) (attribute.Value, error) {
	text, err := json.Marshal(f)
	if err != nil {
		return attribute.Value{}, err
	}
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		return attribute.Value{}, err
	}
	return valueOf(v), nil
}

func valueOf(v any) attribute.Value {
	switch v := v.(type) {
	case bool:
		return attribute.BoolValue(v)
	case float64:
		if n := int64(v); float64(n) == v {
			return attribute.Int64Value(n)
		}
		return attribute.Float64Value(v)
	case string:
		return attribute.StringValue(v)
	case []any:
		items := make([]attribute.Value, len(v))
		for i := range v {
			items[i] = valueOf(v[i])
		}
		return attribute.SliceValue(items...)
	case map[string]any:
		var members []attribute.KeyValue
		for name, member := range v {
			members = append(members, attribute.KeyValue{Key: attribute.Key(name), Value: valueOf(member)})
		}
		slices.SortFunc(members, func(a, b attribute.KeyValue) int { return strings.Compare(string(a.Key), string(b.Key)) })
		return attribute.MapValue(members...)
	}
	return attribute.Value{}
}
