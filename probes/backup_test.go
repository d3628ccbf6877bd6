package probes_test

import (
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"guardian/internal/secret"
	"guardian/probes"
	"guardian/probes/sample"
	"guardian/test/fake/s3"
)

// backups are a few backups, the newest first: how old each is, and its size.
type backups []struct {
	age  time.Duration
	size int64
}

// nightly are those of some nights: as usual.
func nightly(newest int64) backups {
	return backups{{time.Hour, newest}, {25 * time.Hour, 1000}, {49 * time.Hour, 900}, {73 * time.Hour, 1100}}
}

// folder writes backups into a folder, and gives their pattern.
func (b backups) folder(t *testing.T, now time.Time) (pattern string) {
	t.Helper()
	dir := t.TempDir()
	for i, f := range b {
		name := filepath.Join(dir, fmt.Sprintf("shop-%d.dump", i))
		if err := os.WriteFile(name, []byte(strings.Repeat("x", int(f.size))), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(name, now, now.Add(-f.age)); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "shop-*.dump")
}

// bucket puts backups into a bucket.
func (b backups) bucket(t *testing.T, now time.Time) *s3.Service {
	t.Helper()
	s := s3.New(t)
	for i, f := range b {
		// The newest is the last by name, the first and the second are on other pages.
		s.Put(fmt.Sprintf("shop/night %d+ä.dump", len(b)-i), f.size, now.Add(-f.age))
	}
	s.Put("other/new.dump", 1, now)
	return s
}

// table writes backups into a database of SQLite.
func (b backups) table(t *testing.T, now time.Time) (dsn string) {
	t.Helper()
	dsn = filepath.Join(t.TempDir(), "catalog.db")
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("CREATE TABLE backups (at TEXT, size INTEGER)"); err != nil {
		t.Fatal(err)
	}
	for _, f := range b {
		if _, err := db.Exec("INSERT INTO backups VALUES (?, ?)", now.Add(-f.age).UTC().Format(time.DateTime), f.size); err != nil {
			t.Fatal(err)
		}
	}
	return dsn
}

func listing(s *s3.Service) *probes.S3Listing {
	return &probes.S3Listing{
		Endpoint: s.URL, Region: s3.Region, Bucket: s3.Bucket, Prefix: "shop/", AccessKey: secret.New(s3.AccessKey), SecretKey: secret.New(s3.SecretKey),
	}
}

// sources gives for each source of backups the settings that read some.
func sources(t *testing.T, b backups, now time.Time) map[string]func(*probes.BackupSettings) {
	t.Helper()
	pattern, service, dsn := b.folder(t, now), b.bucket(t, now), b.table(t, now)
	return map[string]func(*probes.BackupSettings){
		"file": func(s *probes.BackupSettings) { s.File = pattern },
		"s3":   func(s *probes.BackupSettings) { s.S3 = listing(service) },
		"s3 host": func(s *probes.BackupSettings) {
			s.S3 = listing(service)
			s.S3.Endpoint, s.S3.Proxy, s.S3.Style = "http://s3.test", service.URL, "host"
		},
		"sql": func(s *probes.BackupSettings) {
			s.SQL = &probes.SQL{Driver: "sqlite", DSN: secret.New(dsn), Query: "SELECT at, size FROM backups"}
		},
	}
}

func TestBackups(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	for name, c := range map[string]struct {
		backups backups
		set     func(*probes.BackupSettings)
		health  sample.Health
		reason  string
	}{
		"as usual":                            {nightly(1000), nil, sample.Up, ""},
		"a little smaller":                    {nightly(501), nil, sample.Up, ""},
		"much smaller":                        {nightly(499), nil, sample.Down, "has 499 bytes, usual are 1000"},
		"much smaller, which is allowed":      {nightly(499), func(s *probes.BackupSettings) { s.Shrink = 0 }, sample.Up, ""},
		"the first, that has no usual size":   {nightly(1)[:1], nil, sample.Up, ""},
		"smaller than it must be":             {nightly(1000), func(s *probes.BackupSettings) { s.MinSize = 1001 }, sample.Down, "has 1000 bytes, at least 1001 wanted"},
		"as large as it must be":              {nightly(1000), func(s *probes.BackupSettings) { s.MinSize = 1000 }, sample.Up, ""},
		"the newest is old":                   {nightly(1000)[1:], func(s *probes.BackupSettings) { s.MaxAge = model.Duration(24 * time.Hour) }, sample.Down, "is 1 d 1 h old, at most 1 d wanted"},
		"none":                                {nil, nil, sample.Down, "there is no backup"},
		"it was made by a clock that is fast": {backups{{-90 * time.Second, 10}}, func(s *probes.BackupSettings) { s.Settle = 0 }, sample.Up, ""},
	} {
		t.Run(name, func(t *testing.T) {
			for source, from := range sources(t, c.backups, now) {
				if source == "file" && len(c.backups) > 0 && c.backups[0].age < 0 {
					continue // a file of the future may still be written to
				}
				p := build(t, "backup", probes.Env{Now: func() time.Time { return now }}, func(s *probes.BackupSettings) {
					if c.set != nil {
						c.set(s)
					}
					from(s)
				})
				o := look(t, p, 5*time.Second)
				if o.Health != c.health || !strings.Contains(o.Reason.String(), c.reason) || (o.Health == sample.Up) != o.Reason.IsZero() {
					t.Errorf("%s: got %s %q, want %s %q", source, o.Health, o.Reason, c.health, c.reason)
				}
				if len(c.backups) > 0 {
					if age, size := value(t, o, "backup_age_seconds"), value(t, o, "backup_size_bytes"); age != max(c.backups[0].age, 0).Seconds() || size != float64(c.backups[0].size) {
						t.Errorf("%s: measured %v seconds, %v bytes", source, age, size)
					}
				}
				onlyPromised(t, "backup", &probes.BackupSettings{}, o)
				wantSilent(t, o, s3.SecretKey, s3.AccessKey)
			}
		})
	}
}

func TestBackupsThatCannotBeReadAreUnknown(t *testing.T) {
	now := time.Now()
	service := nightly(1000).bucket(t, now)
	refusing := nightly(1000).bucket(t, now)
	refusing.Refuse("SlowDown")
	crowded := s3.New(t)
	crowded.Page(1)
	for i := range 30 {
		crowded.Put(fmt.Sprint("shop/", i), 1, now)
	}
	with := func(of *s3.Service, change func(*probes.S3Listing)) func(*probes.BackupSettings) {
		return func(s *probes.BackupSettings) { s.S3 = listing(of); change(s.S3) }
	}
	for name, c := range map[string]struct {
		set  func(*probes.BackupSettings)
		want string
	}{
		"a folder that is not there": {func(s *probes.BackupSettings) { s.File = filepath.Join(t.TempDir(), "gone", "*.dump") }, "gone: no such file"},
		"a bucket that is not there": {with(service, func(l *probes.S3Listing) { l.Bucket = "other" }), "NoSuchBucket (404)"},
		"another key":                {with(service, func(l *probes.S3Listing) { l.SecretKey = secret.New("another-secret-key") }), "SignatureDoesNotMatch (403)"},
		"another region":             {with(service, func(l *probes.S3Listing) { l.Region = "" }), "SignatureDoesNotMatch (403)"},
		"a service that refuses":     {with(refusing, func(*probes.S3Listing) {}), "SlowDown (503)"},
		"more objects than are read": {with(crowded, func(*probes.S3Listing) {}), "longer prefix"},
		"nobody answers":             {with(service, func(l *probes.S3Listing) { l.Endpoint = "http://127.0.0.1:1" }), "refused"},
		"something that is no listing": {with(service, func(l *probes.S3Listing) {
			l.Endpoint = serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>hello</html>") })
		}), "no listing of a bucket"},
		"a query that fails": {func(s *probes.BackupSettings) {
			s.SQL = &probes.SQL{Driver: "sqlite", DSN: secret.New("/nowhere.db"), Query: "SELECT 1"}
		}, "query failed"},
		"a query without a time": {func(s *probes.BackupSettings) {
			s.SQL = &probes.SQL{Driver: "sqlite", DSN: secret.New(nightly(1).table(t, now)), Query: "SELECT size FROM backups"}
		}, "no column at"},
	} {
		t.Run(name, func(t *testing.T) {
			o := look(t, build(t, "backup", probes.Env{}, c.set), 5*time.Second)
			if o.Health != sample.Unknown || !strings.Contains(o.Reason.String(), c.want) {
				t.Errorf("got %s %q, want unknown %q", o.Health, o.Reason, c.want)
			}
			wantSilent(t, o, s3.SecretKey, "another-secret-key")
		})
	}
}

// The newest object stands on the last page.
func TestBackupsOfManyPages(t *testing.T) {
	now := time.Now()
	service := s3.New(t)
	service.Page(3)
	for i := range 14 {
		service.Put(fmt.Sprintf("shop/%02d", i), 100, now.Add(time.Duration(i-14)*time.Hour))
	}
	service.Put("shop/13"+".sha256", 1, now)
	o := look(t, build(t, "backup", probes.Env{Now: func() time.Time { return now }}, func(s *probes.BackupSettings) { s.S3 = listing(service) }), 5*time.Second)
	if age := value(t, o, "backup_age_seconds"); o.Health != sample.Up || age < 3590 || age > 3610 || service.Asked() != 5 {
		t.Errorf("got %s %q, %v seconds after %d requests", o.Health, o.Reason, age, service.Asked())
	}
}

func TestABackupIsComparedWithItsChecksum(t *testing.T) {
	now := time.Now()
	pattern := nightly(1000).folder(t, now)
	newest := filepath.Join(filepath.Dir(pattern), "shop-0.dump")
	p := build(t, "backup", probes.Env{Now: func() time.Time { return now }}, func(s *probes.BackupSettings) { s.File, s.Checksum = pattern, true })
	expect := func(when string, health sample.Health, want string) {
		t.Helper()
		if o := look(t, p, 5*time.Second); o.Health != health || !strings.Contains(o.Reason.String(), want) {
			t.Errorf("%s: got %s %q, want %s %q", when, o.Health, o.Reason, health, want)
		}
	}
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(name, now, now.Add(-time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	expect("without one", sample.Unknown, "shop-0.dump.sha256: no such file")
	write(newest+".sha256", "none\n")
	expect("with another text", sample.Unknown, "holds no SHA-256")
	sum := sha256.Sum256([]byte(strings.Repeat("x", 1000)))
	write(newest+".sha256", hex.EncodeToString(sum[:])+"  shop-0.dump\n")
	expect("as sha256sum writes it", sample.Up, "")
	expect("once more", sample.Up, "")
	write(newest, strings.Repeat("x", 999)+"y")
	if err := os.Chtimes(newest, now, now.Add(-2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	expect("after it was changed", sample.Down, "is not what its checksum says")
}

// A file that is still being written is no backup yet, and one that is done counts.
func TestABackupThatIsBeingWrittenDoesNotCount(t *testing.T) {
	now := time.Now()
	pattern := append(backups{{10 * time.Second, 3}}, nightly(1000)...).folder(t, now)
	o := look(t, build(t, "backup", probes.Env{Now: func() time.Time { return now }}, func(s *probes.BackupSettings) { s.File = pattern }), 5*time.Second)
	if o.Health != sample.Up || value(t, o, "backup_size_bytes") != 1000 {
		t.Errorf("got %s %q", o.Health, o.Reason)
	}
}

func TestBackupSettingsTellEveryMistake(t *testing.T) {
	s := probes.Builtin()["backup"].Settings().(*probes.BackupSettings)
	wantMistakes(t, s.Validate(), "give one of file, s3, sql")
	s.File, s.S3 = "backups/*.dump", &probes.S3Listing{Endpoint: "s3.test", Style: "both"}
	s.MaxAge, s.MinSize, s.Shrink, s.Settle = 0, -1, 1.5, -1
	wantMistakes(t, s.Validate(), "give one of file, s3, sql", `file: "backups/*.dump"`, "s3.endpoint", "s3.bucket", "s3.access_key", "s3.secret_key", "s3.style",
		"max_age", "min_size", "shrink", "settle")
	s.File, s.Checksum = "", true
	wantMistakes(t, s.Validate(), "checksum: is for file")
}
