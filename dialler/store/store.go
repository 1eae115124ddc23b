// Package store is what the stores on SQL share: how rows become nouns and
// back, the statements that read and write them, and which of them make up
// one method of [dialler.Store].
//
// # Who does what
//
// Package dialler decides ([dialler.Record]); this one reads what the decision
// looks at, asks, and writes what came back; and a database under it
// ([Database]) says what a transaction is. A store of its own is that
// database, what it does better in a dialect of its own (the lease above all),
// and this package for the rest:
//
//	sqlite.Store ───┐                       ┌─ sqlite: one writer, statement by statement
//	                ├─▶ store.SQL ─▶ Database
//	postgres.Store ─┘                       └─ postgres: many, a few round trips each
//
// Statements are written so that both understand them: parameters are $1, $2,
// …; times are whole microseconds; what has no value is NULL.
//
// Every method that decides reads first and writes after, and its reads don't
// hang on one another: where a database is a wire away, that is one round trip
// to read and one to write and commit.
package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"ringback/callback"
	"ringback/dialler"
)

// A Database runs transactions.
type Database interface {
	// Update runs f in a transaction that writes: if f fails, nothing is
	// written. f may be run again after a conflict with another transaction.
	// what names it in errors.
	Update(ctx context.Context, what string, f func(Tx) error) error
	// View runs f on a snapshot. f must not write.
	View(ctx context.Context, what string, f func(Tx) error) error

	// Add inserts contacts, in order, and returns those that the campaign did
	// not have, each with the state it came to be in.
	Add(t Tx, in Intake) (map[dialler.Number]dialler.ContactState, error)

	// Messages is the table in which messages are read in order, and Number
	// brings up to n that have come since into it, where they come into
	// another first; Unnumbered is the SQL condition that there are some.
	Messages() string
	Number(t Tx, n int) error
	Unnumbered() string
	// SkipLocked is what makes a SELECT of rows of a table lock them, and pass
	// over those that another transaction has locked.
	SkipLocked(table string) string
	// Loosen lets rows that refer to one another be removed one after the other:
	// that nothing is left which refers to nothing is looked at when t commits.
	Loosen(t Tx) error

	// Rouse makes [dialler.Ledger.Wake] receive, on every node.
	Rouse()
	// Time is t, a moment as this process has it, by the clock that decides.
	Time(t time.Time) time.Time
	// Clock is the SQL expression for now, in microseconds, where the
	// parameter of that name holds what this process takes for now.
	Clock(param string) string
	// Taken reports whether err says that a unique value is there already.
	Taken(err error) bool
}

// A Tx is a transaction under way.
type Tx interface {
	// Do writes. It may be sent only together with what comes next, at the
	// latest with the commit; its error may come only then.
	Do(query string, args ...any) error
	// Count writes and returns how many rows were changed.
	Count(query string, args ...any) (int64, error)
	// Read runs reads, in order, none depending on what another brought.
	Read(...Query) error
	// Lock keeps others off, until the transaction ends. It comes before the
	// reads it is to protect, and like Do may be sent only with them.
	Lock(Lock) error
	// After has f called once the transaction is committed.
	After(f func())
}

// A Query is a read under way: each row goes to Each, which must not use the
// transaction, for the row is still open.
type Query struct {
	Each func(Scanner) error
	SQL  string
	Args []any
}

// A Scanner is a row that can be read.
type Scanner interface{ Scan(dest ...any) error }

// A Lock says what a transaction is about to read and change. Locks are taken
// in the order of the fields, by every transaction, so that no two wait for
// each other; a database with one writer needs none. Campaign and Call are not
// given together, nor Call and Contact.
type Lock struct {
	Exclusions bool               // changes them; else it relies on them as they are
	Campaign   dialler.CampaignID // relied upon as it is, with Moves changed; 0: none
	Moves      bool
	Call       dialler.CallID    // its contact is changed, and its campaign relied upon; empty: none
	Contact    dialler.ContactID // likewise; 0: none
	Deliveries Hold              // of the line of deliveries; it comes alone

	// These are changed, in a transaction that relies on their campaign already;
	// in order, and given alone.
	Contacts []dialler.ContactID
}

// A Hold is how a lock is held: together with others, or alone.
type Hold int

// The holds. Zero is none.
const (
	Shared Hold = iota + 1
	Alone
)

// SQL is the part of a store that is the same on every SQL database: it lacks
// Lease, Wake, Ping and Close.
type SQL struct {
	db      Database
	words   *callback.Resolver
	windows windowCache
}

// New makes one. words reads what customers said; nil: the built-in words only.
func New(db Database, words *callback.Resolver) *SQL {
	if words == nil {
		words = &callback.Resolver{} // knows the built-in words
	}
	return &SQL{db: db, words: words}
}

// Rows makes a query of which each row goes to each.
func Rows(each func(Scanner) error, query string, args ...any) Query {
	return Query{Each: each, SQL: query, Args: args}
}

// One makes a query of which the first row goes to dest. found tells whether
// there was one; nil: not asked for.
func One(found *bool, dest []any, query string, args ...any) Query {
	seen := false
	if found == nil {
		found = new(bool)
	}
	return Query{SQL: query, Args: args, Each: func(r Scanner) error {
		if seen {
			return nil
		}
		seen, *found = true, true
		return r.Scan(dest...)
	}}
}

// first reads one row now; sql.ErrNoRows if there is none.
func first(t Tx, dest []any, query string, args ...any) error {
	found := false
	if err := t.Read(One(&found, dest, query, args...)); err != nil {
		return err
	}
	if !found {
		return sql.ErrNoRows
	}
	return nil
}

// missing turns the absence of a row into [dialler.ErrNotFound], with what was
// looked for.
func missing(err error, format string, args ...any) error {
	if errors.Is(err, sql.ErrNoRows) {
		return notFound(format, args...)
	}
	return err
}
