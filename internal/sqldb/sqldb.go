package sqldb

import (
	"cmp"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite" // the driver sqlite of database/sql

	"guardian/internal/secret"
)

// The drivers that there are.
const (
	Postgres = "postgres"
	MySQL    = "mysql" // and MariaDB
	SQLite   = "sqlite"
)

// dialTimeout bounds how long a connection to MySQL is waited for, where the address says nothing.
const dialTimeout = 10 * time.Second

// Address is where a database is.
type Address struct {
	Driver string
	DSN    secret.Secret
}

// Validate joins every mistake; field is the path of the settings, "" at the top. Files that an address
// of PostgreSQL names are not read.
func (a Address) Validate(field string) error {
	var errs []error
	if !slices.Contains([]string{Postgres, MySQL, SQLite}, a.Driver) {
		errs = append(errs, fmt.Errorf("%sdriver: %q is not one of postgres, mysql, sqlite", field, a.Driver))
	}
	if !a.DSN.IsSet() {
		errs = append(errs, fmt.Errorf("%sdsn: is missing", field))
	} else if err := a.wellFormed(); err != nil {
		errs = append(errs, fmt.Errorf("%sdsn: %w", field, err))
	}
	return errors.Join(errs...)
}

// The errors of the parsers quote the address, which holds a password.
var (
	errPostgres = errors.New("is not an address of PostgreSQL such as postgres://user@host/db")
	errMySQL    = errors.New("is not an address of MySQL such as user:password@tcp(host:3306)/db")
	errSQLite   = errors.New("is not an address of SQLite such as /var/lib/shop.db")
)

// wellFormed refuses an address that is plainly that of another database. What has neither user nor
// scheme may be a stand-in: configurations are also checked where the secrets are not.
func (a Address) wellFormed() error {
	dsn := a.DSN.Reveal()
	scheme, _, isURL := strings.Cut(dsn, "://")
	switch a.Driver {
	case MySQL:
		if c, err := mysql.ParseDSN(dsn); isURL || strings.Contains(dsn, "@") && (err != nil || c.DBName == "") {
			return errMySQL
		}
	case Postgres:
		if isURL && scheme != "postgres" && scheme != "postgresql" || strings.Contains(dsn, "@tcp(") {
			return errPostgres
		}
	}
	return nil
}

// Secrets gives the address itself and the password in it. The path of a file is none.
func (a Address) Secrets() []secret.Secret {
	all := []secret.Secret{a.DSN}
	switch a.Driver {
	case Postgres:
		if c, err := pgx.ParseConfig(a.DSN.Reveal()); err == nil {
			all = append(all, secret.New(c.Password))
		}
	case MySQL:
		if c, err := mysql.ParseDSN(a.DSN.Reveal()); err == nil {
			all = append(all, secret.New(c.Passwd))
		}
	case SQLite:
		return nil
	}
	return all
}

// Place gives the server's address, or the file, as people may read it.
func (a Address) Place() string {
	dsn := a.DSN.Reveal()
	switch a.Driver {
	case Postgres:
		if c, err := pgx.ParseConfig(dsn); err == nil {
			return net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port)))
		}
	case MySQL:
		if c, err := mysql.ParseDSN(dsn); err == nil {
			return c.Addr
		}
	case SQLite:
		file, _, _ := strings.Cut(strings.TrimPrefix(dsn, "file:"), "?")
		return file
	}
	return ""
}

// Open makes a pool of connections; nothing is dialled. Parameters are bound by the server, and a text
// is one statement; numbers of rows are those that a statement found, on every server.
func (a Address) Open() (*sql.DB, error) {
	dsn := a.DSN.Reveal()
	switch a.Driver {
	case Postgres:
		c, err := pgx.ParseConfig(dsn)
		if err != nil {
			return nil, fmt.Errorf("dsn: %w", errPostgres)
		}
		return stdlib.OpenDB(*c), nil
	case MySQL:
		c, err := mysql.ParseDSN(dsn)
		if err != nil {
			return nil, fmt.Errorf("dsn: %w", errMySQL)
		}
		c.MultiStatements, c.InterpolateParams, c.AllowAllFiles = false, false, false
		c.ClientFoundRows, c.ParseTime, c.Logger = true, true, &mysql.NopLogger{}
		c.Timeout = cmp.Or(c.Timeout, dialTimeout)
		connector, err := mysql.NewConnector(c)
		if err != nil {
			return nil, fmt.Errorf("dsn: %w", errMySQL)
		}
		return sql.OpenDB(connector), nil
	case SQLite:
		if !strings.HasPrefix(dsn, "file:") {
			// A missing file is a mistake in the settings: do not create it.
			dsn = (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: dsn}).EscapedPath(), RawQuery: "mode=rw"}).String()
		}
		db, err := sql.Open("sqlite", dsn)
		if err != nil {
			return nil, fmt.Errorf("dsn: %w", errSQLite)
		}
		return db, nil
	default:
		return nil, fmt.Errorf("driver: %q is not one of postgres, mysql, sqlite", a.Driver)
	}
}
