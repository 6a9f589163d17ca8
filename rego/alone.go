package rego

import (
	"errors"
	"net/http"
	"sync/atomic"

	"github.com/open-policy-agent/opa/v1/ast"
	oparego "github.com/open-policy-agent/opa/v1/rego"

	"cloakroom/internal/access"
)

// alone is in the place of the network for one evaluation: it notes that somebody was
// to be asked.
type alone struct{ asked atomic.Bool }

// RoundTrip implements http.RoundTripper.
func (a *alone) RoundTrip(*http.Request) (*http.Response, error) {
	a.asked.Store(true)
	return nil, access.ErrAsks
}

func (a *alone) option() oparego.EvalOption {
	return oparego.EvalHTTPRoundTripper(func(*http.Transport) http.RoundTripper { return a })
}

// fetches tells whether a policy may have a schema fetch what it refers to: that goes by
// no transport of ours, so that nobody can note it.
func fetches(c *ast.Compiler, allowNet []string) (may bool) {
	if len(allowNet) == 0 {
		return false
	}
	for _, m := range c.Modules {
		ast.WalkRefs(m, func(r ast.Ref) bool {
			may = may || r.Equal(ast.JSONMatchSchema.Ref()) || r.Equal(ast.JSONSchemaVerify.Ref())
			return may
		})
	}
	return may
}

// outcome is what an evaluation came to: none, where it was to ask somebody. A policy
// may have made a decision of its own of the failure.
func (a *alone) outcome(v access.Verdict, err error) (access.Verdict, error) {
	if a.asked.Load() {
		return access.Verdict{}, errors.Join(access.ErrAsks, err)
	}
	return v, err
}
