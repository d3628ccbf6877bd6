package store

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"guardian/internal/secret"
)

// pool is the maximum number of connections to PostgreSQL.
const pool = 10

// connectTimeout is the default for a connection string without connect_timeout.
const connectTimeout = 5 * time.Second

// openPostgres makes the pool without connecting, and adds the password to the redactor.
func openPostgres(dsn secret.Secret, redactor *secret.Redactor, readOnly bool) (*database, error) {
	redactor.Learn(dsn)
	cfg, err := pgx.ParseConfig(dsn.Reveal())
	if err != nil {
		return nil, fmt.Errorf("open journal: storage.postgres is not a connection string such as postgres://user:password@host:5432/database: %s", parseReason(dsn))
	}
	redactor.Learn(secret.New(cfg.Password))
	if cfg.ConnectTimeout == 0 {
		cfg.ConnectTimeout = connectTimeout
	}
	if cfg.RuntimeParams["application_name"] == "" {
		cfg.RuntimeParams["application_name"] = "guardian" // shown in pg_stat_activity
	}
	if readOnly {
		cfg.RuntimeParams["default_transaction_read_only"] = "on"
	}
	// Wait up to 60 s for another guardian that is migrating.
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 60))
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	db := stdlib.OpenDB(*cfg, stdlib.OptionAfterConnect(prepareSession))
	db.SetMaxOpenConns(pool)
	db.SetMaxIdleConns(pool)
	db.SetConnMaxIdleTime(5 * time.Minute)
	place := fmt.Sprintf("PostgreSQL %s database %s", net.JoinHostPort(cfg.Host, strconv.Itoa(int(cfg.Port))), cfg.Database)
	return &database{
		kind:      "postgres",
		place:     place,
		write:     db,
		read:      db,
		clock:     func() string { return "(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000000)::BIGINT" },
		forUpdate: " FOR UPDATE",
		dialect:   goose.DialectPostgres,
		migrating: []goose.ProviderOption{goose.WithSessionLocker(locker)},
		size: func(ctx context.Context) (int64, error) {
			var n int64
			err := db.QueryRowContext(ctx, "SELECT pg_database_size(current_database())").Scan(&n)
			return n, err
		},
		trouble: func(err error) (trouble, bool) { return postgresTrouble(place, cfg, err) },
		unique:  func(err error) bool { return sqlState(err) == "23505" },
		again: func(err error) bool {
			s := sqlState(err)
			return s == "40001" || s == "40P01" // serialization failure, deadlock
		},
	}, nil
}

// prepareSession sets timeouts, so that a guardian that is paused within a transaction cannot
// keep the lease's row locked and block a takeover. It also overrides synchronous_commit=off of
// the server, because an intent must be on disk before its step is executed.
func prepareSession(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, `SELECT
		set_config('idle_in_transaction_session_timeout', '5s', false),
		set_config('lock_timeout', '3s', false),
		set_config('synchronous_commit',
			CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, false)`)
	return err
}

// parseReason explains why a connection string is invalid without quoting it: in a malformed
// one the password cannot be told from the rest.
func parseReason(dsn secret.Secret) string {
	if _, err := url.Parse(dsn.Reveal()); err != nil && strings.Contains(dsn.Reveal(), "://") {
		return "it is not a valid URL; characters such as / ? # @ % in the password must be percent-encoded"
	}
	return "one of its settings is not understood; check each against https://www.postgresql.org/docs/current/libpq-connect.html"
}

// sqlState returns the SQLSTATE of an error; "" if it is not PostgreSQL's.
// Codes: https://www.postgresql.org/docs/current/errcodes-appendix.html.
func sqlState(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}

func postgresTrouble(place string, cfg *pgx.ConnConfig, err error) (trouble, bool) {
	switch sqlState(err) {
	case "28P01", "28000":
		return trouble{nil, fmt.Sprintf("%s refuses user %q: check user and password in storage.postgres, and pg_hba.conf: %v", place, cfg.User, err)}, true
	case "3D000":
		return trouble{nil, place + " does not exist: create it"}, true
	case "42501", "42P07":
		return trouble{nil, fmt.Sprintf("%s: the guardian needs a database of its own in which it may create tables: %v", place, err)}, true
	case "53100":
		return trouble{ErrDiskFull, "the disk of " + place + " is full: free space there; nothing of this was written"}, true
	case "53300":
		return trouble{nil, fmt.Sprintf("%s has no connection left: raise max_connections; a guardian needs up to %d", place, pool)}, true
	case "55P03":
		return trouble{ErrLocked, "a row of " + place + " was locked for more than 3s: another guardian hangs, or a person has an open transaction; see pg_stat_activity"}, true
	case "57P01", "57P02", "57P03":
		return trouble{ErrUnreachable, fmt.Sprintf("%s is being stopped or started: %v", place, err)}, true
	case "25006":
		return trouble{nil, place + " is read-only: point storage.postgres at the primary (target_session_attrs=read-write)"}, true
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return trouble{ErrUnreachable, fmt.Sprintf("%s cannot be reached: check host, port and firewall: %v", place, err)}, true
	}
	return trouble{}, false
}
