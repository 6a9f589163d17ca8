package console

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/record"
)

// What is looked at for the denials.
const (
	denialsSince = 24 * time.Hour
	denialsMost  = 2000
)

// denial is what was refused for one reason.
type denial struct {
	Code               access.Code
	Reason             string
	N                  int
	Last               time.Time
	Principal, Session string // of the latest
	Request            string // likewise
}

func (c *Console) denials(w http.ResponseWriter, r *http.Request, v visit) error {
	return c.showAll(w, r, v, page{Name: "denials", Title: "Denials", Nav: "/denials"}, func(ctx context.Context) (any, error) {
		refused, err := c.Index.Refusals(ctx, c.now().Add(-denialsSince), denialsMost)
		sum := make(map[denial]*denial)
		for _, x := range refused {
			count(sum, x.Decision)
		}
		return struct {
			Kinds []denial
			Most  bool // there may be more
		}{sorted(sum), len(refused) == denialsMost}, err
	})
}

// count adds a decision that let nothing go to those of its reason.
func count(sum map[denial]*denial, e record.Entry) {
	x := e.Decision
	key := denial{Code: x.Code, Reason: x.Reason}
	d := sum[key]
	if d == nil {
		d = &denial{Code: x.Code, Reason: x.Reason}
		sum[key] = d
	}
	d.N++
	if e.Time.Before(d.Last) {
		return
	}
	d.Last, d.Session, d.Request = e.Time, x.Session, x.Method+" "+x.Host+x.Path
	d.Principal = access.Principal{Issuer: x.Issuer, Subject: x.Subject}.ID()
}

// sorted are the denials, the most frequent first.
func sorted(sum map[denial]*denial) (all []denial) {
	for _, d := range sum {
		all = append(all, *d)
	}
	slices.SortFunc(all, func(a, b denial) int { return cmp.Or(cmp.Compare(b.N, a.N), b.Last.Compare(a.Last)) })
	return all
}
