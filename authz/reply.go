package authz

import (
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/structpb"

	"cloakroom/internal/access"
)

// The names under which the answer travels as dynamic metadata: the sealed
// grant for package extproc, the exchange's id for Envoy's access log.
const (
	grantKey    = "grant"
	exchangeKey = "exchange"
)

// allowed lets the request go, with what the decision changes of it.
func allowed(d access.Decision, sealed string) *authv3.CheckResponse {
	fields, err := structpb.NewStruct(d.Change.Metadata)
	if err != nil || fields.Fields == nil { // what policy wrote is no JSON: nothing of it travels
		fields = &structpb.Struct{Fields: map[string]*structpb.Value{}}
	}
	fields.Fields[exchangeKey] = structpb.NewStringValue(d.Exchange)
	delete(fields.Fields, grantKey) // policy writes none
	if sealed != "" {
		fields.Fields[grantKey] = structpb.NewStringValue(sealed)
	}
	return &authv3.CheckResponse{
		Status:          &status.Status{Code: int32(codes.OK)},
		DynamicMetadata: fields,
		HttpResponse: &authv3.CheckResponse_OkResponse{OkResponse: &authv3.OkHttpResponse{
			Headers:                 options(d.Change.SetRequestHeaders),
			HeadersToRemove:         d.Change.RemoveRequestHeaders,
			ResponseHeadersToAdd:    options(d.Change.SetResponseHeaders),
			QueryParametersToSet:    parameters(d.Change.SetQuery),
			QueryParametersToRemove: d.Change.RemoveQuery,
		}},
	}
}

// denied is the refusal as the caller gets it.
func denied(d access.Decision) *authv3.CheckResponse {
	code, headers, body := d.Answer()
	grpcCode, word := codes.PermissionDenied, access.Denied
	if code == 401 {
		grpcCode = codes.Unauthenticated
	}
	if d.Refusal != nil {
		word = d.Refusal.Code
	}
	return &authv3.CheckResponse{
		Status: &status.Status{Code: int32(grpcCode), Message: string(word)},
		HttpResponse: &authv3.CheckResponse_DeniedResponse{DeniedResponse: &authv3.DeniedHttpResponse{
			Status:  &typev3.HttpStatus{Code: typev3.StatusCode(code)},
			Headers: options(headers),
			Body:    string(body),
		}},
		DynamicMetadata: &structpb.Struct{Fields: map[string]*structpb.Value{
			exchangeKey: structpb.NewStringValue(d.Exchange)}},
	}
}

func options(lines []access.Header) []*corev3.HeaderValueOption {
	out := make([]*corev3.HeaderValueOption, len(lines))
	for i, l := range lines {
		out[i] = &corev3.HeaderValueOption{
			Header:       &corev3.HeaderValue{Key: l.Name, Value: l.Value},
			AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
		}
	}
	return out
}

func parameters(ps []access.Header) []*corev3.QueryParameter {
	out := make([]*corev3.QueryParameter, len(ps))
	for i, p := range ps {
		out[i] = &corev3.QueryParameter{Key: p.Name, Value: p.Value}
	}
	return out
}
