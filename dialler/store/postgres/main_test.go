package postgres_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	lab "ringback/deploy/lab/postgres"
	"ringback/dialler"
	"ringback/dialler/store/postgres"
	"ringback/dialler/store/storetest"
	"ringback/dialler/user"
)

// One server for the package's tests, a database for each test.
var (
	server  *lab.Server
	started sync.Once
	failure error
	serial  atomic.Int64
)

func TestMain(m *testing.M) {
	if os.Getenv(asNode) != "" {
		if err := node(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	code := m.Run()
	if server != nil {
		if err := server.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
	}
	os.Exit(code)
}

// template is the database that those of the tests are copies of.
const template = "template_ringback"

func running(t testing.TB) *lab.Server {
	t.Helper()
	lab.Require(t)
	started.Do(func() {
		if server, failure = lab.Start(context.Background(), lab.Options{Settings: []string{"max_locks_per_transaction = 256"}}); failure == nil {
			admin(t, `CREATE DATABASE `+template)
			failure = postgres.Migrate(context.Background(), at(template))
		}
	})
	if failure != nil {
		t.Fatal(failure)
	}
	return server
}

// at is the URL of a database of the server.
func at(database string) string {
	u, err := url.Parse(server.URL)
	if err != nil {
		panic(err)
	}
	u.Path = database
	return u.String()
}

func admin(t testing.TB, statements ...string) {
	t.Helper()
	run(t, server.URL, statements...)
}

func run(t testing.TB, at string, statements ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, err := pgx.Connect(ctx, at)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(ctx) }()
	for _, sql := range statements {
		if _, err := c.Exec(ctx, sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
}

// empty makes a database as it was when it was migrated. TRUNCATE would make
// each table and index anew, and takes ten times as long for so few rows.
const empty = `SET session_replication_role = replica; -- no triggers, no foreign keys
DO $$
DECLARE
  name TEXT;
BEGIN
  FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT IN ('goose_db_version', 'outbox_reader') LOOP
    EXECUTE format('DELETE FROM %I', name);
  END LOOP;
  UPDATE outbox_reader SET upto = 0;
  PERFORM setval(oid, 1, false) FROM pg_class WHERE relkind = 'S' AND relnamespace = 'public'::regnamespace AND relname NOT LIKE 'goose%';
END $$`

// idle holds databases whose test is over.
var idle = make(chan string, 100)

// database is an empty database with our schema, the test's own until it ends.
func database(t testing.TB) string {
	t.Helper()
	running(t)
	var name string
	select {
	case name = <-idle:
		run(t, at(name), empty, clock(0))
	default:
		name = fmt.Sprintf("test_%d", serial.Add(1))
		admin(t, `CREATE DATABASE `+name+` TEMPLATE `+template)
	}
	t.Cleanup(func() { idle <- name })
	return at(name)
}

// opened remembers where a store was opened, for those opened beside it.
var opened sync.Map // *postgres.Store → URL

func open(t testing.TB, url string, o postgres.Options) *postgres.Store {
	t.Helper()
	if o.Conns == 0 {
		o.Conns = 8
	}
	s, err := postgres.Open(t.Context(), url, o)
	if err != nil {
		t.Fatal(err)
	}
	opened.Store(s, url)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// deaf is a store that is woken by calls only, so that one that is missing
// shows.
var deaf = postgres.Options{Poll: -1}

func where(t testing.TB, s dialler.Store) string {
	t.Helper()
	at, ok := opened.Load(s)
	if !ok {
		t.Fatal("this store was not opened here")
	}
	return at.(string)
}

// advance moves the database's clock ahead: it is a function of the schema.
func advance(t *testing.T, s dialler.Store, d time.Duration) {
	t.Helper()
	ctx := t.Context()
	c, err := pgx.Connect(ctx, where(t, s))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(ctx) }()
	var ahead int64
	if err := c.QueryRow(ctx, `SELECT ringback_now() - CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)`).Scan(&ahead); err != nil {
		t.Fatal(err)
	}
	ahead = time.Duration(ahead * 1000).Round(time.Second).Microseconds() // both were read a moment apart
	if _, err := c.Exec(ctx, clock(ahead+d.Microseconds())); err != nil {
		t.Fatal(err)
	}
}

func clock(ahead int64) string {
	return strings.ReplaceAll(`CREATE OR REPLACE FUNCTION ringback_now() RETURNS BIGINT LANGUAGE sql VOLATILE
		AS $$ SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT) + $AHEAD $$`, "$AHEAD", fmt.Sprint(ahead))
}

func TestStore(t *testing.T) {
	fresh := func(t *testing.T) dialler.Store { return open(t, database(t), deaf) }
	again := func(t *testing.T, s dialler.Store) dialler.Store { return open(t, where(t, s), deaf) }
	storetest.Run(t, fresh, storetest.Options{Advance: advance, Reopen: again, Beside: again, Whole: true, Cut: func(_ *testing.T, s dialler.Store, n int) func() bool {
		return s.(*postgres.Store).Cut(n)
	}})
}

func TestUsers(t *testing.T) {
	storetest.RunUsers(t, func(t *testing.T) user.Store { return open(t, database(t), deaf) })
}

func TestReceipts(t *testing.T) {
	storetest.RunReceipts(t, func(t *testing.T) dialler.Receipts { return open(t, database(t), deaf) })
}
