package decide

import (
	"context"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/inventory"
	"cloakroom/internal/lease"
)

// attempted is a request with all around it, as a row of a table wants it.
type attempted struct {
	*testing.T
	*fakes
	*access.Request
	hangUp func()
}

func (a attempted) sends(text string) { send(a.Request, text) }

// asksWith sends a ticket whose lease is as change wants it.
func (a attempted) asksWith(change func(*lease.Lease)) { a.sends(a.ticket(a.T, agent, "read", change)) }

// finds sends a named placeholder, whose lease is looked for in vain.
func (a attempted) finds(err error) {
	a.sends(named("read"))
	a.use = func(lease.Ask) (lease.Lease, error) { return lease.Lease{}, err }
}

// waits sends what people must approve, and goes on with what happens meanwhile.
func (a attempted) waits(meanwhile func()) {
	a.sends(named("hot"))
	a.tiers(a.T, func(_, high *inventory.Tier) { high.Approval.Wait = time.Minute })
	a.holds = NewHolds(1, 1)
	a.answer = func(id string) (lease.Lease, error) {
		meanwhile()
		return lease.Lease{ID: id, State: lease.Active}, nil
	}
}

// fromBody sends a body.
func (a attempted) fromBody(body string) {
	a.fakes.set = newBodyFakes(a.T).set
	*a.Request = *post(isJSON, body)
}

// caused has for each cause a request that is refused for it.
var caused = map[access.Cause]func(attempted){
	access.CauseRoute:        func(a attempted) { a.Route = "x" },
	access.CausePolicy:       func(a attempted) { a.says(access.Verdict{Code: access.LeaseExpired, Reason: "stolen: no"}, nil) },
	access.CausePolicyFailed: func(a attempted) { a.says(access.Verdict{}, errors.New("x")) },
	access.CausePolicyGrant: func(a attempted) {
		a.sends(named("read"))
		a.says(access.Verdict{Outcome: access.Allow, Grant: []string{}}, nil)
	},
	access.CauseUnknownPlaceholder: func(a attempted) { a.sends(inventory.Key{9}.Placeholder("read")) },
	access.CauseGroups:             func(a attempted) { a.sends(named("theirs")) },
	access.CauseOperation:          func(a attempted) { a.sends(named("read")); a.Method = "POST" },
	access.CauseTicketAlone: func(a attempted) {
		a.who = access.Principal{}
		a.sends(a.ticket(a.T, agent, "read") + " " + named("more"))
	},
	access.CauseManyPlaceholders: func(a attempted) { a.sends(strings.Repeat(named("read")+" ", inventory.MaxFound+1)) },
	access.CauseManyTickets: func(a attempted) {
		for range maxTickets + 1 {
			a.sends(a.ticket(a.T, agent, "read"))
		}
	},
	access.CauseBody:             func(a attempted) { a.fromBody(member(named("read")) + "x") },
	access.CauseSession:          func(a attempted) { header(a.Request, sessionHeader, "a b") },
	access.CauseOverriding:       func(a attempted) { a.sends(named("read")); header(a.Request, "x-host", "y") },
	access.CauseNothingToApprove: func(a attempted) { a.says(access.Verdict{Outcome: access.NeedsApproval}, nil) },
	access.CauseUnverified:       func(a attempted) { a.who = hidden; a.sends(named("hot")) },
	access.CauseUnapproved:       func(a attempted) { a.sends(a.ticket(a.T, agent, "hot")) },
	access.CauseHolderAbsent: func(a attempted) {
		a.who = access.Principal{}
		a.asksWith(func(l *lease.Lease) { l.Terms.Bound = true })
	},
	access.CauseToken:      func(a attempted) { a.whoErr = errors.New("expired") },
	access.CauseNoIdentity: func(a attempted) { a.who = access.Principal{} },

	access.CauseLeaseEnded:      func(a attempted) { a.asksWith(func(l *lease.Lease) { l.State = lease.Ended }) },
	access.CauseLeaseRevoked:    func(a attempted) { a.asksWith(func(l *lease.Lease) { l.State, l.Ending = lease.Ended, lease.Revoked }) },
	access.CauseLeaseSpent:      func(a attempted) { a.asksWith(func(l *lease.Lease) { l.Terms.Uses, l.Used = 1, 1 }) },
	access.CauseBarred:          func(a attempted) { a.finds(&lease.Barred{}) },
	access.CauseApprovalPending: func(a attempted) { a.sends(named("hot")) },
	access.CauseApprovalDenied:  func(a attempted) { a.finds(&lease.CoolingDown{}) },

	access.CauseManyLeases:    func(a attempted) { a.finds(lease.ErrTooMany) },
	access.CauseManyRequests:  func(a attempted) { a.sends(named("read")); a.crowded = true },
	access.CauseTokenExpired:  func(a attempted) { a.waits(func() { a.now = a.who.Ends }) },
	access.CauseGivenUp:       func(a attempted) { a.waits(a.hangUp) },
	access.CauseRulesChanged:  func(a attempted) { a.waits(func() { a.outdated = true }) },
	access.CauseTwoIdentities: func(a attempted) { a.who = other; a.asksWith(func(*lease.Lease) {}) },
	access.CauseStolen:        func(a attempted) { a.who = other; a.asksWith(func(l *lease.Lease) { l.Terms.Bound = true }) },
	access.CauseScope:         func(a attempted) { a.asksWith(func(l *lease.Lease) { l.Scope = lease.ScopeOperation }) },
	access.CauseLeases:        func(a attempted) { a.finds(lease.ErrUnavailable) },
	access.CauseUnrecorded:    func(a attempted) { a.unready = errors.New("full") },
	access.CauseUnlogged:      func(a attempted) { a.logErr = errors.New("full") },
	access.CauseInternal:      func(a attempted) { a.verdict = nil },
}

// TestEveryCauseIsGiven, and is in the log wherever the refusal is.
func TestEveryCauseIsGiven(t *testing.T) {
	own := []access.Cause{access.CausePolicy, access.CauseBody} // have codes of their own
	for _, cause := range access.Causes() {
		t.Run(string(cause), func(t *testing.T) {
			if caused[cause] == nil {
				t.Fatal("no request is refused for it")
			}
			ctx, hangUp := context.WithCancel(t.Context())
			f, r := newFakes(t), get()
			f.who.Ends = start.Add(time.Hour)
			caused[cause](attempted{t, f, r, hangUp})
			d := f.decider(t).Decide(ctx, r, nil)
			if d.Outcome == access.Allow || d.Cause != cause || d.Refusal.Code != cause.Code() && !slices.Contains(own, cause) {
				t.Fatalf("got %s, %q, %+v", d.Outcome, d.Cause, d.Refusal)
			}
			for _, e := range f.entries {
				if e.Decision.Cause != cause {
					t.Errorf("the log has %q", e.Decision.Cause)
				}
			}
		})
	}
}

// TestWhatIsLetGoHasNoCause also where it says why.
func TestWhatIsLetGoHasNoCause(t *testing.T) {
	f := newFakes(t)
	f.says(access.Verdict{Outcome: access.Allow, Reason: "a rule permits it"}, nil)
	if d := f.decider(t).Decide(t.Context(), get(), nil); d.Outcome != access.Allow || d.Cause != "" || f.entries[0].Decision.Cause != "" {
		t.Errorf("got %+v", d)
	}
}

// TestNothingIsRefusedWithoutACause looks at the source: who refuses says for which of
// the causes that are declared.
func TestNothingIsRefusedWithoutACause(t *testing.T) {
	made, calls := map[string]int{}, 0
	for _, f := range sources(t) {
		for _, d := range f.Decls {
			ast.Inspect(d, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.CompositeLit:
					if name, ok := n.Type.(*ast.Ident); ok && name.Name == "refusal" {
						made[d.(*ast.FuncDecl).Name.Name]++
					}
				case *ast.CallExpr:
					if name, ok := n.Fun.(*ast.Ident); ok && name.Name == "refused" {
						calls++
						if at, ok := n.Args[0].(*ast.SelectorExpr); !ok || !strings.HasPrefix(at.Sel.Name, "Cause") {
							t.Errorf("%s refuses without a declared cause", d.(*ast.FuncDecl).Name.Name)
						}
					}
				}
				return true
			})
		}
	}
	if !maps.Equal(made, map[string]int{"refused": 1}) || calls < 30 {
		t.Errorf("refusals are made in %v; %d calls", made, calls)
	}
}

// sources are the files of this package, without tests.
func sources(t *testing.T) (files []*ast.File) {
	t.Helper()
	names, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		if !strings.HasSuffix(n.Name(), ".go") || strings.HasSuffix(n.Name(), "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), n.Name(), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	return files
}
