package console

import (
	"context"
	"net/http"

	"cloakroom/internal/record"
)

// exchangeView is an exchange's page.
type exchangeView struct {
	exchangeLane
	ID, Principal string
	Said          *said  // nil: it was not opened
	Why           string // why there is nothing to open; empty: there is
}

// exchange shows what the log says of an exchange.
func (c *Console) exchange(w http.ResponseWriter, r *http.Request, v visit) error {
	ctx, cancel := context.WithTimeout(r.Context(), readWithin)
	defer cancel()
	view, err := c.exchangeView(ctx, v, r.PathValue("id"))
	if err != nil {
		return err
	}
	c.show(w, http.StatusOK, page{Name: "exchange", Title: "Exchange", Nav: "/sessions", Visit: v, Data: view})
	return nil
}

// readExchange shows what was said in an exchange.
func (c *Console) readExchange(w http.ResponseWriter, r *http.Request, v visit) error {
	ctx, cancel := context.WithTimeout(r.Context(), readWithin)
	defer cancel()
	view, err := c.exchangeView(ctx, v, r.PathValue("id"))
	if err != nil {
		return err
	}
	t, err := c.read(ctx, v.Who, view.Exchange, forPage)
	if err != nil {
		return err
	}
	shown := saidIn(axis{Began: view.Decision.Time}, t, &room{mostBlocks, mostShown})
	view.Said = &shown
	c.show(w, http.StatusOK, page{Name: "exchange", Title: "Exchange", Nav: "/sessions", Visit: v, Data: view})
	return nil
}

// downloadExchange gives what was said in an exchange as a file.
func (c *Console) downloadExchange(w http.ResponseWriter, r *http.Request, v visit) error {
	ctx, cancel := context.WithTimeout(r.Context(), readWithin)
	defer cancel()
	x, err := c.exchangeOf(ctx, v, r.PathValue("id"))
	if err != nil {
		return err
	}
	har, err := c.har(ctx, v.Who, x)
	if err != nil {
		return err
	}
	w.Header().Set("content-type", "application/json")
	w.Header().Set("content-disposition", `attachment; filename="`+x.Decision.Decision.Exchange+`.har"`)
	// the reader may be gone; there is nobody left to tell
	_, _ = w.Write(har)
	return nil
}

func (c *Console) exchangeView(ctx context.Context, v visit, id string) (exchangeView, error) {
	x, err := c.exchangeOf(ctx, v, id)
	if err != nil {
		return exchangeView{}, err
	}
	view := exchangeView{ID: x.Decision.Decision.Exchange, Principal: principalOf(x)}
	view.exchangeLane = newTimeline([]record.Exchange{x}, nil, "", c.now()).Exchanges[0]
	if err := c.mayRead(x); err != nil {
		p, _ := judge(err)
		view.Why = p.Message
	}
	return view, nil
}

// exchangeOf is an exchange that a visitor may see: see sessionOfRecord.
func (c *Console) exchangeOf(ctx context.Context, v visit, id string) (record.Exchange, error) {
	x, err := c.Index.Exchange(ctx, id)
	if err != nil || v.Reads() {
		return x, err
	}
	xs := []record.Exchange{x}
	ls, err := c.leasesOf(ctx, v.Who, principalOf(x), x.Decision.Decision.Session, xs)
	if err == nil && !usesAny(x, ls) {
		err = errNotYours
	}
	return x, err
}
