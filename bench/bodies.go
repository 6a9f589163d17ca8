package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"
)

// bodies is what a run with -bodies shows, of both sides.
type bodies struct {
	sides  [2]*side
	idle   [2]resident
	flows  []*flow
	crowds [2]crowd
	rows   []*row
}

// row is one thing that both sides do in turns; a result for each round.
type row struct {
	name, form string
	difference bool // the sides are compared by their difference, not by their ratio
	measure    func(ctx context.Context, s *side) (float64, error)
	results    [2][]float64
}

// eventCount is how many events come in one turn, one every few milliseconds.
const eventCount = 200

func (o options) rows() []*row {
	megabytes := func(size, requests int) func(context.Context, *side) (float64, error) {
		return func(ctx context.Context, s *side) (float64, error) {
			t, err := s.turn(ctx, s.load(fmt.Sprint("/v1/json/", size), size, o.connections, requests))
			return t.perSecond * float64(size) / 1e6, err
		}
	}
	return []*row{
		{name: "a server-sent event on its way, p50, ms", form: "%.3f", difference: true, measure: eventTime},
		{name: "64 KiB bodies, MB/s", form: "%.0f", measure: megabytes(64<<10, 3000)},
		{name: "1 MiB bodies, MB/s", form: "%.0f", measure: megabytes(1<<20, 300)},
	}
}

// eventTime is the median of the milliseconds that events are on their way.
func eventTime(ctx context.Context, s *side) (float64, error) {
	answer, err := s.ask(ctx, plain, http.MethodGet, host, fmt.Sprint("/v1/events/", eventCount), nil)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	r := bufio.NewReader(answer.Body)
	var took []float64
	for range eventCount {
		d, err := readEvent(r)
		if err != nil {
			return 0, err
		}
		took = append(took, float64(d.Nanoseconds())/1e6)
	}
	return median(took), nil
}

// measureBodies looks at memory first, while the services have seen little, and
// then lets both sides take turns.
func measureBodies(ctx context.Context, o options, base, full *side) error {
	b := &bodies{sides: [2]*side{base, full},
		flows: slices.DeleteFunc(flows(), func(f *flow) bool { return !strings.Contains(f.name, o.only) }),
		rows:  slices.DeleteFunc(o.rows(), func(r *row) bool { return !strings.Contains(r.name, o.only) })}
	for i, s := range b.sides {
		if err := b.memory(ctx, o, i, s); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	for round := -1; round < o.rounds; round++ {
		for _, r := range b.rows {
			if err := b.takeTurns(ctx, r, round); err != nil {
				return err
			}
		}
	}
	return b.report(o)
}

// memory runs the flows and the crowd of one side.
func (b *bodies) memory(ctx context.Context, o options, i int, s *side) (err error) {
	if _, err := s.turn(ctx, s.load("/v1/json/1024", 1024, o.connections, 500)); err != nil {
		return err
	}
	if b.idle[i], err = s.resident(); err != nil {
		return err
	}
	for _, f := range b.flows {
		limited, cancel := context.WithTimeout(ctx, 2*time.Minute)
		f.most[i], err = s.watch(func() (err error) {
			f.came[i], err = f.run(limited, s)
			return err
		})
		cancel()
		if err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
		fmt.Fprintf(os.Stderr, "%s: %s: %s, resident %.0f and %.0f MiB\n", s.name, f.name, f.came[i], f.most[i].envoy, f.most[i].service)
	}
	if strings.Contains(crowdName, o.only) {
		b.crowds[i], err = s.crowd(ctx, o.streams)
	}
	return err
}

// takeTurns has each side do it once; every second round in the other order.
func (b *bodies) takeTurns(ctx context.Context, r *row, round int) error {
	order := []int{0, 1}
	if round%2 == 1 {
		slices.Reverse(order)
	}
	for _, i := range order {
		got, err := r.measure(ctx, b.sides[i])
		if err != nil {
			return fmt.Errorf("%s: %s: %w", b.sides[i].name, r.name, err)
		}
		if round >= 0 { // the first warms up
			r.results[i] = append(r.results[i], got)
			fmt.Fprintf(os.Stderr, "round %d: %-10s %s "+r.form+"\n", round+1, b.sides[i].name, r.name, got)
		}
	}
	return nil
}
