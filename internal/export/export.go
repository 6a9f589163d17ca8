// Package export makes events of the log's entries, for systems that gather
// events of many sources: in the Open Cybersecurity Schema Framework (OCSF) or
// the Elastic Common Schema (ECS).
//
// It promises that every entry makes at least one event, one of a kind that it
// does not know too; that the same entry makes the same events however often;
// that each has a UID of its own, made of the log's id and the entry's number,
// by which a receiver drops what it has already; and that an event holds the
// whole entry, under "unmapped" or "cloakroom", whatever a schema has no room
// for. It keeps its position only once what is before it was delivered: at least
// once, never less.
//
// It deliberately masks nothing: what the log holds was masked when it was
// written. It changes nothing in the log, and reads no recording.
package export

import (
	"encoding/json"
	"fmt"
	"time"

	"cloakroom/internal/record"
)

// Severity is how much an event matters, as OCSF numbers it.
type Severity int

// The severities that are given.
const (
	Informational Severity = 1
	Low           Severity = 2
	Medium        Severity = 3
	High          Severity = 4
)

var severities = map[Severity]string{Informational: "Informational", Low: "Low", Medium: "Medium", High: "High"}

// Fields are an event's, as JSON has them. What is empty is left out.
type Fields map[string]any

// Event is one event.
type Event struct {
	UID      string // "<log id>:<entry>", with ":<n>" from the second of an entry on
	Time     time.Time
	Name     string // "cloakroom.<kind>"
	Severity Severity
	Fields   Fields
}

// Format is a schema of events.
type Format string

// The formats.
const (
	OCSF Format = "ocsf" // 1.8.0
	ECS  Format = "ecs"  // 9.4
)

// Mapper makes events of the lines of one log.
type Mapper struct {
	Format  Format
	Log     string // the log's id
	Version string // of this program
}

// NewMapper refuses a format that it does not know.
func NewMapper(f Format, log, version string) (*Mapper, error) {
	if f != OCSF && f != ECS {
		return nil, fmt.Errorf("choosing format %q: want ocsf or ecs", f)
	}
	return &Mapper{Format: f, Log: log, Version: version}, nil
}

// Events are what a line makes.
func (m *Mapper) Events(l record.Line) ([]Event, error) {
	x, err := m.read(l)
	if err != nil {
		return nil, err
	}
	all := ecsOf
	if m.Format == OCSF {
		all = ocsfOf
	}
	events := all(x)
	for i := range events {
		events[i].UID, events[i].Time, events[i].Name = x.uid(i), x.Time, "cloakroom."+x.kind
		x.identify(m.Format, &events[i])
		prune(events[i].Fields)
	}
	return events, nil
}

// entry is one entry, with what its events say of where it stands.
type entry struct {
	record.Entry
	kind    string          // also of an entry whose kind is not known here
	payload json.RawMessage // the entry's own fields, as the log has them
	log     string
	version string
}

func (m *Mapper) read(l record.Line) (entry, error) {
	e, err := l.Entry()
	if err != nil {
		return entry{}, err
	}
	x := entry{Entry: e, kind: string(e.Kind()), log: m.Log, version: m.Version}
	var line map[string]json.RawMessage
	if err := json.Unmarshal(l.Raw, &line); err != nil {
		return entry{}, fmt.Errorf("decoding entry %d: %w", l.Seq, err)
	}
	for _, shared := range []string{"v", "seq", "prev", "time"} {
		delete(line, shared)
	}
	if x.payload = line[x.kind]; x.kind == "" {
		x.kind = "unknown"
		x.payload, err = json.Marshal(line)
	}
	return x, err
}

// uid names the event i of the entry.
func (x entry) uid(i int) string {
	uid := fmt.Sprintf("%s:%d", x.log, x.Seq)
	if i > 0 {
		uid += fmt.Sprintf(":%d", i)
	}
	return uid
}

// identify puts the event's UID where its schema has it.
func (x entry) identify(f Format, e *Event) {
	if f == OCSF {
		e.Fields["metadata"].(Fields)["uid"] = e.UID
		return
	}
	e.Fields["event"].(Fields)["id"] = e.UID
}

// prune takes out what is empty. Numbers and flags stay, whatever they are.
func prune(f Fields) {
	for name, v := range f {
		switch v := v.(type) {
		case string:
			if v == "" {
				delete(f, name)
			}
		case Fields:
			if prune(v); len(v) == 0 {
				delete(f, name)
			}
		case []Fields:
			for _, each := range v {
				prune(each)
			}
			if len(v) == 0 {
				delete(f, name)
			}
		case []string:
			if len(v) == 0 {
				delete(f, name)
			}
		case nil:
			delete(f, name)
		}
	}
}
