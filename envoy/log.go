package envoy

import (
	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	filev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/file/v3"
	celv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/filters/cel/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/types/known/structpb"
)

// accessLog prints sizes and times, and of the request only the exchange's id,
// which the service wrote. Headers and the path hold real values by the time
// that Envoy logs them, so no operator here reads one.
func (b *builder) accessLog() []*accesslogv3.AccessLog {
	if b.o.AccessLog == "" {
		return nil
	}
	format := fields(map[string]string{
		"time":           "%START_TIME%",
		"exchange":       "%DYNAMIC_METADATA(" + MetadataNamespace + ":" + ExchangeField + ")%",
		"route":          "%ROUTE_NAME%",
		"status":         "%RESPONSE_CODE%",
		"flags":          "%RESPONSE_FLAGS%",
		"details":        "%RESPONSE_CODE_DETAILS%",
		"duration_ms":    "%DURATION%",
		"request_bytes":  "%BYTES_RECEIVED%",
		"response_bytes": "%BYTES_SENT%",
	})
	return []*accesslogv3.AccessLog{{
		Name: "envoy.access_loggers.file",
		ConfigType: &accesslogv3.AccessLog_TypedConfig{TypedConfig: b.pack(&filev3.FileAccessLog{
			Path: b.o.AccessLog,
			AccessLogFormat: &filev3.FileAccessLog_LogFormat{LogFormat: &corev3.SubstitutionFormatString{
				Format: &corev3.SubstitutionFormatString_JsonFormat{JsonFormat: format},
			}},
		})},
	}}
}

// What an agent reads where Envoy itself could not go on. Refusals of the
// service are not touched: they are told apart by Envoy's own word for why it
// answered.
const (
	serviceFailed  = `response.code_details.startsWith("ext_authz_error") || response.code_details.startsWith("ext_proc_error") || response.code_details.startsWith("header_mutation_")`
	upstreamFailed = `response.code_details.startsWith("upstream_") || response.code_details.startsWith("no_healthy") || response.code_details.startsWith("cluster_not_found")`
)

// localReplies gives Envoy's own 5xx the form of a refusal.
func (b *builder) localReplies() *hcmv3.LocalReplyConfig {
	return &hcmv3.LocalReplyConfig{Mappers: []*hcmv3.ResponseMapper{
		b.unavailable(serviceFailed, "Cloakroom did not answer; nothing was decided"),
		b.unavailable(upstreamFailed, "the upstream did not answer"),
	}}
}

func (b *builder) unavailable(when, message string) *hcmv3.ResponseMapper {
	body := &structpb.Struct{Fields: map[string]*structpb.Value{
		"error": structpb.NewStructValue(fields(map[string]string{
			"code": "unavailable", "message": message,
		})),
	}}
	return &hcmv3.ResponseMapper{
		Filter: &accesslogv3.AccessLogFilter{FilterSpecifier: &accesslogv3.AccessLogFilter_ExtensionFilter{
			ExtensionFilter: &accesslogv3.ExtensionFilter{
				Name: "envoy.access_loggers.extension_filters.cel",
				ConfigType: &accesslogv3.ExtensionFilter_TypedConfig{
					TypedConfig: b.pack(&celv3.ExpressionFilter{Expression: when}),
				},
			},
		}},
		BodyFormatOverride: &corev3.SubstitutionFormatString{
			Format: &corev3.SubstitutionFormatString_JsonFormat{JsonFormat: body},
		},
	}
}

func fields(m map[string]string) *structpb.Struct {
	s := &structpb.Struct{Fields: map[string]*structpb.Value{}}
	for k, v := range m {
		s.Fields[k] = structpb.NewStringValue(v)
	}
	return s
}
