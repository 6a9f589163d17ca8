package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"cloakroom/internal/transcript"
	"cloakroom/internal/whatif"
)

// whatIfReport is what `session replay --policy --json` prints.
type whatIfReport struct {
	Decided     int             `json:"decided"`
	Unchanged   int             `json:"unchanged"`
	FromLog     int             `json:"from_log"` // of Decided, on what the log says alone
	Differences []shownVerdict  `json:"differences"`
	Undecidable []shownVerdict  `json:"undecidable"`
	why         map[string]int  // of Undecidable
	seen        map[string]bool // exchanges
}

type shownVerdict struct {
	Time      time.Time    `json:"time"`
	Exchange  string       `json:"exchange"`
	Session   string       `json:"session"`
	Principal string       `json:"principal"`
	Method    string       `json:"method"`
	Host      string       `json:"host"`
	Path      string       `json:"path"`
	Grounds   string       `json:"grounds"` // "recording" or "log"
	Before    shownOutcome `json:"before"`
	After     shownOutcome `json:"after,omitzero"`
	Reason    string       `json:"reason"` // of After, or why there is none
}

type shownOutcome struct {
	Decision string `json:"decision"`
	Code     string `json:"code,omitempty"`
	Uses     string `json:"uses,omitempty"`
}

func answerOf(a whatif.Answer) shownOutcome {
	return shownOutcome{a.Outcome.String(), string(a.Code), a.Uses}
}

func (a shownOutcome) String() string {
	switch {
	case a.Code != "":
		return a.Decision + " (" + a.Code + ")"
	case a.Uses != "":
		return a.Decision + " (" + a.Uses + ")"
	}
	return a.Decision
}

func newWhatIfReport() *whatIfReport {
	return &whatIfReport{Differences: []shownVerdict{}, Undecidable: []shownVerdict{}, why: map[string]int{}, seen: map[string]bool{}}
}

// add takes each exchange once, in however many lists it stands.
func (r *whatIfReport) add(v whatif.Verdict) {
	d := v.Case.Decision
	if r.seen[d.Exchange] {
		return
	}
	r.seen[d.Exchange] = true
	shown := shownVerdict{Time: v.Case.Time.UTC(), Exchange: d.Exchange, Session: d.Session, Principal: d.Issuer + "#" + d.Subject, Method: d.Method,
		Host: d.Host, Path: d.Path, Grounds: string(v.Grounds), Before: answerOf(v.Before), Reason: v.Reason}
	if v.Undecidable != "" {
		shown.Reason = v.Undecidable
		r.Undecidable = append(r.Undecidable, shown)
		r.why[v.Undecidable]++
		return
	}
	r.Decided++
	if v.Grounds == whatif.Logged {
		r.FromLog++
	}
	if !v.Differs() {
		r.Unchanged++
		return
	}
	shown.After = answerOf(v.After)
	r.Differences = append(r.Differences, shown)
}

func (r *whatIfReport) print(w io.Writer, asJSON bool) error {
	if asJSON {
		return printJSON(w, r)
	}
	if len(r.Differences) > 0 {
		if err := table(w, "TIME\tPRINCIPAL\tREQUEST\tBEFORE\tAFTER\tREASON\tRECORD", r.rows); err != nil {
			return err
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "%d decided again: %d unchanged, %d would differ", r.Decided, r.Unchanged, len(r.Differences))
	if r.FromLog > 0 {
		fmt.Fprintf(w, "; %d of them on what the log says alone, without other headers and bodies", r.FromLog)
	}
	fmt.Fprintln(w)
	for _, why := range slices.Sorted(maps.Keys(r.why)) {
		fmt.Fprintf(w, "%d cannot be decided again: %s\n", r.why[why], transcript.Visible(why))
	}
	return nil
}

func (r *whatIfReport) rows(w io.Writer) {
	for _, d := range r.Differences {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", d.Time.Format(time.RFC3339), transcript.Visible(d.Principal),
			transcript.Visible(d.Method+" "+d.Host+d.Path), d.Before, d.After, transcript.Visible(d.Reason), transcript.Visible(d.Exchange))
	}
}
