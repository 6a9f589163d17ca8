package exchange

import (
	"net"
	"strings"
	"time"

	"cloakroom/internal/access"
	"cloakroom/internal/inventory"
	"cloakroom/internal/record"
)

// outcome is what the log will be told of an exchange: names, counts and times.
type outcome struct {
	asked, over        bool
	source             string // "address:port" of the caller; empty: unknown
	began, up, down    time.Time
	status             int
	declared           int64          // of the request's body
	bytesFrom, bytesTo int64          // of the response's body: from the backend, to the agent
	masks              map[string]int // by credential
	substituted        []Substitution
	refusal            *access.Refusal
	detail             string
}

// Substitution is one value that was put in: which, and where.
type Substitution struct {
	Credential string
	At         access.Location
}

func (o *outcome) count(f inventory.Found) {
	o.substituted = append(o.substituted, Substitution{f.Name, f.At})
}

func (o *outcome) masked(credential string, n int) {
	if o.masks == nil {
		o.masks = make(map[string]int)
	}
	o.masks[credential] += n
}

// End tells the log how the exchange went; err is what cut it short, if
// something did. A second call does nothing.
func (x *Exchange) End(err error) {
	if x.entry.over {
		return
	}
	x.entry.over = true
	for _, stop := range x.unwatch {
		stop()
	}
	if x.down != nil { // cut in the middle of a body
		x.finishBody(complete)
	}
	if x.up != nil {
		x.up.reader.Close()
	}
	x.reel.heard.close()
	took := x.deps.Now().Sub(x.entry.began)
	substituted := make(map[string]int)
	for _, s := range x.entry.substituted {
		substituted[s.Credential]++
	}
	x.deps.Observer.Ended(substituted, x.entry.masks, err, took)
	if x.grant.Exchange == "" { // nobody's exchange: what was decided, if anything, has its entry
		if x.entry.refusal != nil {
			x.deps.Log.CountRefusal(x.entry.refusal.Code, host(x.entry.source))
		}
		return
	}
	end := x.entry.record(x.grant.Exchange, err, took, x.alarms.texts())
	end.Values = x.alarms.names
	end.Set = strings.Join(x.sets, ",")
	if x.reel.tape == nil {
		end.Lost = x.deps.Tapes != nil // it was not ready
		x.deps.Log.Note(record.Entry{End: end})
		return
	}
	x.reel.tape.End(x.deps.Now(), *end) // it notes the entry once what it names is durable
}

func (o *outcome) record(exchange string, err error, took time.Duration, alarms []string) *record.End {
	e := &record.End{
		Exchange: exchange, Status: o.status, RequestBytes: o.declared, ResponseBytes: o.bytesTo,
		Masks:  record.Counts(o.masks),
		Phases: []record.Phase{{Name: "total", Took: took}},
	}
	e.Substitutions = o.counted()
	if !o.up.IsZero() && !o.down.IsZero() {
		e.Phases = append(e.Phases, record.Phase{Name: "upstream", Took: o.down.Sub(o.up)})
	}
	if o.refusal != nil {
		e.Code, e.Status = o.refusal.Code, o.refusal.Code.Status()
	}
	var errs []string
	if o.detail != "" {
		errs = append(errs, o.detail)
	}
	if err != nil {
		errs = append(errs, err.Error())
	}
	e.Error = strings.Join(append(errs, alarms...), "; ")
	return e
}

// counted are the substitutions by credential and place, in the order in which they
// began: an entry takes only so many, and what is sent again and again must not push
// another out.
func (o *outcome) counted() (all []record.Substitution) {
	at := map[Substitution]int{}
	for _, s := range o.substituted {
		i, known := at[s]
		if !known {
			i = len(all)
			at[s], all = i, append(all, record.Substitution{Credential: s.Credential, Location: s.At.String()})
		}
		all[i].N++
	}
	return all
}

// host is the address without its port.
func host(source string) string {
	if h, _, err := net.SplitHostPort(source); err == nil {
		return h
	}
	return source
}
