package extproc

import (
	"strconv"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"

	"cloakroom/internal/access"
	"cloakroom/internal/exchange"
)

// Where Envoy puts what the deciding half has sealed, and what it knows of the
// route; source: Envoy's attributes, and the forwarding namespaces of package
// envoy's configuration.
const (
	attributes  = "envoy.filters.http.ext_proc"
	metadata    = "envoy.filters.http.ext_authz"
	grantKey    = "grant"
	routeName   = "xds.route_name"
	clusterName = "xds.cluster_name"
	source      = "source.address"
)

// requestHead translates Envoy's request headers. What is missing stays empty,
// and the grant will not open against it.
func requestHead(msg *extprocv3.ProcessingRequest, m *extprocv3.HttpHeaders) exchange.RequestHead {
	fields := msg.GetAttributes()[attributes].GetFields()
	h := exchange.RequestHead{
		Route:   fields[routeName].GetStringValue(),
		Cluster: fields[clusterName].GetStringValue(),
		Source:  fields[source].GetStringValue(),
		Grant: msg.GetMetadataContext().GetFilterMetadata()[metadata].
			GetFields()[grantKey].GetStringValue(),
	}
	all := m.GetHeaders().GetHeaders()
	h.Headers = make([]access.Header, 0, len(all))
	for _, line := range all {
		switch v := headerValue(line); line.GetKey() {
		case ":method":
			h.Method = v
		case ":authority":
			h.Authority = v
		case ":path":
			h.Path = v
		case ":scheme", ":protocol":
		default:
			h.Headers = append(h.Headers, access.Header{Name: line.GetKey(), Value: v})
		}
	}
	return h
}

// responseLines translates Envoy's response headers. A status that is no number
// is 0.
func responseLines(m *extprocv3.HttpHeaders) (status int, lines []access.Header) {
	lines = headerLines(m.GetHeaders())
	for i, line := range lines {
		if line.Name == ":status" {
			status, _ = strconv.Atoi(line.Value)
			return status, append(lines[:i], lines[i+1:]...)
		}
	}
	return 0, lines
}

// declaredLength is how long a response says that its body is; negative where
// it does not say so, or not clearly.
func declaredLength(lines []access.Header) int64 {
	length := int64(-1)
	for _, line := range lines {
		if line.Name != "content-length" {
			continue
		}
		n, err := strconv.ParseInt(line.Value, 10, 64)
		if err != nil || length >= 0 {
			return -1
		}
		length = n
	}
	return length
}

func headerLines(m *corev3.HeaderMap) []access.Header {
	lines := make([]access.Header, 0, len(m.GetHeaders()))
	for _, line := range m.GetHeaders() {
		lines = append(lines, access.Header{Name: line.GetKey(), Value: headerValue(line)})
	}
	return lines
}

// headerValue reads either of the two fields that Envoy may fill: raw_value
// since 1.28, value before.
func headerValue(line *corev3.HeaderValue) string {
	if raw := line.GetRawValue(); len(raw) > 0 {
		return string(raw)
	}
	return line.GetValue()
}
