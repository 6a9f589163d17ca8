package authz

import (
	"encoding/json"
	"strings"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// attributesOf is the check's attributes as policies written for OPA's Envoy
// plugin know them: the JSON form of the message, header lines joined by "," in
// one map. It returns nil if they have no JSON form.
func attributesOf(in *authv3.CheckRequest) any {
	a := proto.CloneOf(in.GetAttributes())
	if h := a.GetRequest().GetHttp(); len(h.GetHeaderMap().GetHeaders()) > 0 {
		joined := make(map[string]string, len(h.GetHeaderMap().GetHeaders()))
		for _, l := range h.GetHeaderMap().GetHeaders() {
			// A header may hold any bytes, JSON only text: a byte that is none
			// must not take the rest from policy's sight.
			v := strings.ToValidUTF8(headerValue(l), "\uFFFD")
			if old, ok := joined[l.GetKey()]; ok {
				v = old + "," + v
			}
			joined[l.GetKey()] = v
		}
		h.Headers, h.HeaderMap = joined, nil
	}
	text, err := protojson.Marshal(a)
	if err != nil {
		return nil
	}
	var out any
	if err := json.Unmarshal(text, &out); err != nil {
		return nil
	}
	return out
}
