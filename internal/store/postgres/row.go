package postgres

import (
	"github.com/jackc/pgx/v5"

	"cloakroom/internal/lease"
)

// columns are a row's but its change number, in the order of values.
const columns = "id, principal, credential, ticket, question, state, open, created, ends, ended, body, mac"

// values are $1 to $12.
func values(r lease.Row) []any {
	var ticket []byte // NULL for none: no two rows have the same
	if r.Ticket != (lease.Digest{}) {
		ticket = r.Ticket[:]
	}
	return []any{[]byte(r.ID), []byte(r.Principal), []byte(r.Credential), ticket, r.Question[:], int16(r.State), r.Open,
		lease.Micros(r.Created), lease.Micros(r.Ends), lease.Micros(r.Ended), append([]byte{}, r.Body...), r.MAC[:]}
}

// scanRow reads columns and the change number.
func scanRow(row pgx.CollectableRow) (r lease.Row, err error) {
	var id, principal, credential, ticket, question, mac []byte
	var state int16
	var created, ends, ended int64
	err = row.Scan(&id, &principal, &credential, &ticket, &question, &state, &r.Open, &created, &ends, &ended,
		&r.Body, &mac, &r.Change)
	if err != nil {
		return lease.Row{}, err
	}
	r.ID, r.Principal, r.Credential, r.State = string(id), string(principal), string(credential), lease.State(state)
	copy(r.Ticket[:], ticket)
	copy(r.Question[:], question)
	copy(r.MAC[:], mac)
	r.Created, r.Ends, r.Ended = lease.FromMicros(created), lease.FromMicros(ends), lease.FromMicros(ended)
	return r, nil
}

func scanBar(row pgx.CollectableRow) (b lease.BarRow, err error) {
	var id, mac []byte
	err = row.Scan(&id, &b.Body, &mac)
	b.ID = string(id)
	copy(b.MAC[:], mac)
	return b, err
}
