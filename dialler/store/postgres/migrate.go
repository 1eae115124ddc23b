package postgres

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrate brings the schema of the database that url names up to date. Of
// several processes that do so at once one works and the others wait.
func Migrate(ctx context.Context, url string) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("migrate Postgres store: %w", err)
		}
	}()
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return err
	}
	// Whoever waits for the lock is not idle, and a migration takes its time.
	cfg.RuntimeParams["application_name"] = "ringback migrate"
	db := stdlib.OpenDB(*cfg)
	defer func() { err = errors.Join(err, db.Close()) }()
	lock, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock(ctx, lock)) }()
	if _, err := lock.ExecContext(ctx, `SELECT pg_advisory_lock($1, 0)`, lockMigrate); err != nil {
		return fmt.Errorf("wait for another process that migrates: %w", err)
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	_, err = p.Up(ctx)
	return err
}

func unlock(ctx context.Context, c *sql.Conn) error {
	_, err := c.ExecContext(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock($1, 0)`, lockMigrate)
	return errors.Join(err, c.Close())
}

// Ask reports whether the database that url names answers, and is new enough.
// It changes nothing.
func Ask(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	c, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close(ctx) }()
	var version int
	if err := c.QueryRow(ctx, `SELECT CAST(current_setting('server_version_num') AS INT)`).Scan(&version); err != nil {
		return err
	}
	if version < 140000 {
		return fmt.Errorf("this is Postgres %d; want 14 or newer", version/10000)
	}
	return nil
}
