// Package rego answers, in Rego, whether a request may go: with the built-in
// policy that serves the inventory, with an author's additions to it, or with
// an author's own policy in its place, one written for OPA's Envoy plugin
// included.
//
// It promises that everything is parsed and compiled once, that a policy sees
// no identity token, no ticket and no environment variable, that http.send
// reaches only the hosts that it is told of, and that whatever goes wrong (an
// undefined result, a result of another type, a conflict, a slow evaluation)
// denies. It deliberately keeps no decision log, loads nothing over the network
// and does not enforce what it answers: that is internal/decide's part, which
// holds a floor below every policy.
package rego

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/metrics"
	oparego "github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/topdown"

	"cloakroom/internal/access"
)

// DefaultDecision is the path of the built-in policy's answer.
const DefaultDecision = "cloakroom/decision"

// DefaultLimit is how long one evaluation may take if nothing else is said.
const DefaultLimit = 250 * time.Millisecond

// Options says what New makes a policy of. The zero value is the built-in
// policy alone.
type Options struct {
	// Dir holds the author's .rego files and data.json or data.yaml files, at
	// any depth; files that end in _test.rego are left out. Empty: none.
	Dir string
	// Modules are further modules of the author's: source by name.
	Modules map[string]string
	// Decision is the path of the rule that answers: "envoy/authz/allow" is
	// data.envoy.authz.allow. Empty: DefaultDecision.
	Decision string
	// AllowNet lists the hosts, without port, that http.send may reach.
	AllowNet []string
	// Limit is how long one evaluation may take; 0: DefaultLimit.
	Limit time.Duration
	// AsOf has the policy take the request's time for now: of a request that was
	// recorded.
	AsOf bool
	// Alone has the policy ask nobody: where it calls http.send, Evaluate's error is
	// access.ErrAsks, and everywhere if it has schemas of JSON that may be fetched.
	Alone bool
}

// Policy is a compiled policy, safe for concurrent use.
type Policy struct {
	query    oparego.PreparedEvalQuery
	txn      storage.Transaction // read only, for ever: nothing writes to the store
	decision string
	revision string
	wants    wants
	limit    time.Duration
	asOf     bool
	alone    bool
	fetches  bool
	memo     memo
	answers  answers
}

// New loads and compiles a policy. Its errors name file and line.
func New(ctx context.Context, o Options) (*Policy, error) {
	s, err := load(o)
	if err != nil {
		return nil, err
	}
	compiler, err := s.compile(o.AllowNet)
	if err != nil {
		return nil, err
	}
	store := inmem.NewFromObjectWithOpts(s.data, inmem.OptReturnASTValuesOnRead(true))
	txn, err := store.NewTransaction(ctx)
	if err != nil {
		return nil, fmt.Errorf("opening the policy's data: %w", err)
	}
	query, err := oparego.New(
		oparego.ParsedQuery(ast.NewBody(ast.NewExpr(ast.NewTerm(s.decision)))),
		oparego.Compiler(compiler),
		oparego.Store(store),
		oparego.Transaction(txn),
		oparego.GenerateJSON(keepTerm),
	).PrepareForEval(ctx)
	if err != nil {
		return nil, fmt.Errorf("preparing decision %q: %w", s.path, err)
	}
	p := &Policy{query: query, txn: txn, decision: s.path, revision: s.revision(o.AllowNet), wants: wanted(compiler), limit: o.Limit, asOf: o.AsOf, alone: o.Alone,
		fetches: o.Alone && fetches(compiler, o.AllowNet)}
	if p.limit <= 0 {
		p.limit = DefaultLimit
	}
	p.answers.on = o.Dir == "" && len(o.Modules) == 0 && covered(compiler)
	return p, nil
}

// unmetered takes the place of timers that nobody would read.
var unmetered = metrics.NoOp()

// keepTerm spares the translation of the result to Go values: decode reads the
// term itself, once.
func keepTerm(t *ast.Term, _ *oparego.EvalContext) (any, error) { return t.Value, nil }

// Revision names what answers: 16 hexadecimal digits of a SHA-256 over the
// modules' names and sources, the data, the decision's path and the hosts of
// http.send.
func (p *Policy) Revision() string { return p.revision }

// WantsBody tells whether the policy looks at the request's body, so that the
// transport must send it.
func (p *Policy) WantsBody() bool { return p.wants.body }

// Evaluate asks the policy. An error comes with a verdict that denies, and
// means that the policy could not answer: its text is for the operator's log.
func (p *Policy) Evaluate(ctx context.Context, in *access.Input) (access.Verdict, error) {
	v, err := p.answer(ctx, in)
	if err != nil {
		v = access.Verdict{Code: access.Unavailable, Reason: "the policy could not answer; tell the operator of this gateway"}
		err = fmt.Errorf("evaluating decision %q: %w", p.decision, err)
	}
	v.Revision = p.revision
	return v, err
}

// answer evaluates the policy, or remembers what it answered in the same situation.
func (p *Policy) answer(ctx context.Context, in *access.Input) (access.Verdict, error) {
	if in == nil || in.Request == nil {
		return access.Verdict{}, errors.New("no request to decide on")
	}
	if !p.answers.on {
		return p.evaluate(ctx, in)
	}
	s, ok := situationOf(in)
	if !ok {
		return p.evaluate(ctx, in)
	}
	if v, ok := p.answers.find(s); ok {
		return v, nil
	}
	v, err := p.evaluate(ctx, in)
	if err == nil {
		p.answers.keep(s, v)
	}
	return v, err
}

func (p *Policy) evaluate(ctx context.Context, in *access.Input) (access.Verdict, error) {
	if p.fetches {
		return access.Verdict{}, access.ErrAsks
	}
	input, err := p.input(in)
	if err != nil {
		return access.Verdict{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, p.limit)
	defer cancel()
	brake := topdown.NewCancel()
	stop := context.AfterFunc(ctx, brake.Cancel)
	defer stop()
	options := []oparego.EvalOption{
		oparego.EvalParsedInput(input),
		oparego.EvalTransaction(p.txn),
		oparego.EvalExternalCancel(brake),
		oparego.EvalMetrics(unmetered),
	}
	if p.asOf && !in.Request.Time.IsZero() {
		options = append(options, oparego.EvalTime(in.Request.Time))
	}
	if !p.alone {
		return p.eval(ctx, options)
	}
	var a alone
	return a.outcome(p.eval(ctx, append(options, a.option())))
}

func (p *Policy) eval(ctx context.Context, options []oparego.EvalOption) (access.Verdict, error) {
	rs, err := p.query.Eval(ctx, options...)
	if err != nil {
		return access.Verdict{}, err
	}
	if len(rs) == 0 || len(rs[0].Expressions) == 0 {
		return access.Verdict{Code: access.Denied, Reason: "no rule of the policy allows this"}, nil
	}
	value, ok := rs[0].Expressions[0].Value.(ast.Value)
	if !ok {
		return access.Verdict{}, errors.New("the result is not a value")
	}
	return decode(value)
}
