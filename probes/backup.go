package probes

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/prometheus/common/model"

	"guardian/internal/reason"
	"guardian/internal/secret"
	"guardian/probes/sample"
)

// BackupSettings configure a check of kind backup: whether there is a recent and whole backup.
//
//	what happened                                            | health
//	the newest backup is young, large and whole enough       | Up
//	there is none, or the newest is too old                  | Down
//	it is smaller than min_size, or than those before        | Down
//	its checksum is another than that in its sidecar         | Down
//	the folder, the bucket or the database cannot be read    | Unknown
//	it has no sidecar, or could not be read within the look  | Unknown
type BackupSettings struct {
	File     string         `yaml:"file" doc:"Absolute path of the backups, which may have *, ? and [a-z], such as /var/backups/shop-*.dump."`
	S3       *S3Listing     `yaml:"s3" doc:"Objects of a bucket, of AWS or of anything that speaks its protocol."`
	SQL      *SQL           `yaml:"sql" doc:"Query whose rows are backups: the column at is the time of each, the column size its bytes."`
	MaxAge   model.Duration `yaml:"max_age" doc:"Down when the newest backup is older."`
	MinSize  int64          `yaml:"min_size" doc:"Down when the newest backup has fewer bytes."`
	Shrink   float64        `yaml:"shrink" doc:"Down when the newest backup is smaller than this share of the usual size, which is the median of up to seven before it; 0: it may be."`
	Settle   model.Duration `yaml:"settle" doc:"A file that was written to within this time is not finished, and does not count; only with file."`
	Checksum bool           `yaml:"checksum" doc:"Compare the newest file with the SHA-256 in the file of the same name with .sha256, as sha256sum writes it. Each file is read once, within the timeout of one look; only with file."`
}

// backupsRead is how many backups are compared: the newest, and those before it.
const backupsRead = 8

// Validate joins every mistake.
func (s *BackupSettings) Validate() error {
	var errs []error
	sources := 0
	if s.File != "" {
		sources++
		if _, err := filepath.Match(s.File, ""); err != nil || !filepath.IsAbs(s.File) {
			errs = append(errs, fmt.Errorf("file: %q is not an absolute path or pattern such as /var/backups/shop-*.dump", s.File))
		}
	}
	if s.S3 != nil {
		sources++
		errs = append(errs, s.S3.validate("s3."))
	}
	if s.SQL != nil {
		sources++
		errs = append(errs, s.SQL.validate("sql."))
	}
	if sources != 1 {
		errs = append(errs, errors.New("give one of file, s3, sql: where the backups are"))
	}
	if s.Checksum && s.File == "" {
		errs = append(errs, errors.New("checksum: is for file: objects and rows are not read"))
	}
	if s.MaxAge <= 0 {
		errs = append(errs, errors.New("max_age: must be more than zero"))
	}
	if s.MinSize < 0 {
		errs = append(errs, errors.New("min_size: must not be negative"))
	}
	if s.Shrink < 0 || s.Shrink > 1 {
		errs = append(errs, fmt.Errorf("shrink: is %v, must be a share from 0 to 1, such as 0.5", s.Shrink))
	}
	if s.Settle < 0 {
		errs = append(errs, errors.New("settle: must not be negative"))
	}
	return errors.Join(errs...)
}

func backupKind() Kind {
	return Kind{
		Settings: func() any {
			return &BackupSettings{MaxAge: model.Duration(26 * time.Hour), Shrink: 0.5, Settle: model.Duration(time.Minute)}
		},
		Build:   func(settings any, env Env) (Probe, error) { return newBackupProbe(settings.(*BackupSettings), env) },
		Repeats: always,
		Templates: func(settings any, labels map[string]string) []Template {
			s := settings.(*BackupSettings)
			if s.SQL == nil {
				return nil
			}
			return (&SQLSettings{SQL: *s.SQL}).templates(labels)
		},
		Produces: func(any) []string {
			return []string{"backup_age_seconds", "backup_size_bytes", "backup_usual_size_bytes", "backup_checksum_matches"}
		},
	}
}

// backup is one backup that was found.
type backup struct {
	name string
	at   time.Time
	size int64
}

// backupSource lists backups, the newest first, up to backupsRead of them.
type backupSource interface {
	list(ctx context.Context, now time.Time) ([]backup, *fault)
	Close() error
}

type backupProbe struct {
	settings *BackupSettings
	env      Env
	masks    masks
	source   backupSource
	sums     sums
}

func newBackupProbe(s *BackupSettings, env Env) (*backupProbe, error) {
	env = env.withDefaults()
	p := &backupProbe{settings: s, env: env}
	var secrets []secret.Secret
	switch {
	case s.S3 != nil:
		p.source, secrets = newS3Backups(s.S3, env), s.S3.secrets()
	case s.SQL != nil:
		target, err := newSQLTarget(s.SQL)
		if err != nil {
			return nil, fmt.Errorf("backup: %w", err)
		}
		p.source, secrets = &sqlBackups{target: target, env: env}, s.SQL.secrets()
	default:
		p.source = fileBackups{pattern: s.File, settle: time.Duration(s.Settle)}
	}
	p.masks = newMasks(env, secrets...)
	return p, nil
}

// Close implements Closer.
func (p *backupProbe) Close() error { return p.source.Close() }

// Look lists the backups and judges the newest.
func (p *backupProbe) Look(ctx context.Context) sample.Observation {
	now := p.env.Now()
	all, f := p.source.list(ctx, now)
	if ctx.Err() != nil && f == nil {
		f = faultOf(ctx, ctx.Err(), reason.New("doing_backup"), p.env.Now().Sub(now))
	}
	if f != nil {
		// That it cannot be read says nothing of the backup.
		return p.masks.observation(sample.Observation{Reason: reason.New("backup_unread", "why", f.reason)})
	}
	if len(all) == 0 {
		return p.masks.observation(sample.Observation{Health: sample.Down, Reason: reason.New("backup_none")})
	}
	return p.masks.observation(p.judge(ctx, all, now))
}

// judge judges the newest of some backups.
func (p *backupProbe) judge(ctx context.Context, all []backup, now time.Time) sample.Observation {
	s, newest := p.settings, all[0]
	age := max(now.Sub(newest.at), 0) // clocks differ
	usual := usualSize(all[1:])
	o := sample.Observation{Health: sample.Up, Values: []sample.Value{{Name: "backup_age_seconds", V: age.Seconds()}}}
	if newest.size >= 0 {
		o.Values = append(o.Values, sample.Value{Name: "backup_size_bytes", V: float64(newest.size)})
	}
	if usual > 0 {
		o.Values = append(o.Values, sample.Value{Name: "backup_usual_size_bytes", V: float64(usual)})
	}
	bad := func(health sample.Health, why reason.Reason) sample.Observation {
		o.Health, o.Reason = health, why
		return o
	}
	switch {
	case age > time.Duration(s.MaxAge):
		return bad(sample.Down, reason.New("backup_old", "backup", newest.name, "age", round(age), "want", time.Duration(s.MaxAge)))
	case newest.size < 0 && s.MinSize > 0:
		return bad(sample.Unknown, reason.New("backup_no_size", "backup", newest.name))
	case newest.size >= 0 && newest.size < s.MinSize:
		return bad(sample.Down, reason.New("backup_small", "backup", newest.name, "size", newest.size, "want", s.MinSize))
	case newest.size >= 0 && float64(newest.size) < s.Shrink*float64(usual):
		return bad(sample.Down, reason.New("backup_shrunk", "backup", newest.name, "size", newest.size, "usual", usual))
	case !s.Checksum:
		return o
	}
	matches, err := p.sums.match(ctx, newest)
	if err != nil {
		return bad(sample.Unknown, reason.New("backup_sum_unread", "backup", newest.name, "error", why(err)))
	}
	value := sample.Value{Name: "backup_checksum_matches", V: 1}
	if !matches {
		value.V = 0
	}
	if o.Values = append(o.Values, value); !matches {
		return bad(sample.Down, reason.New("backup_damaged", "backup", newest.name))
	}
	return o
}

// usualSize is the median of the sizes of some backups; 0 when there are none.
func usualSize(all []backup) int64 {
	var sizes []int64
	for _, b := range all {
		if b.size >= 0 {
			sizes = append(sizes, b.size)
		}
	}
	if len(sizes) == 0 {
		return 0
	}
	slices.Sort(sizes)
	return sizes[len(sizes)/2]
}

// newestFirst sorts backups and keeps the newest.
func newestFirst(all []backup) []backup {
	slices.SortFunc(all, func(a, b backup) int { return b.at.Compare(a.at) })
	return all[:min(len(all), backupsRead)]
}

// sqlBackups are the rows of a query.
type sqlBackups struct {
	target *sqlTarget
	env    Env
}

func (b *sqlBackups) Close() error { return b.target.Close() }

func (b *sqlBackups) list(ctx context.Context, now time.Time) ([]backup, *fault) {
	t, err := b.target.readOnly(ctx, newTemplateData(b.env, nil, nil, now), maxSQLRows)
	if err != nil {
		f := faultOf(ctx, err, reason.New("doing_query"), b.env.Now().Sub(now))
		f.reason = queryFailed(f.reason)
		return nil, f
	}
	var all []backup
	for _, row := range t.rows {
		age, ok := row["at"].age(now)
		if !ok {
			return nil, blind(reason.New("backup_no_time", "columns", t.columns))
		}
		found := backup{at: now.Add(-time.Duration(age * float64(time.Second))), size: -1}
		if n, ok := row["size"].measured(); ok {
			found.size = int64(n)
		} else if n, ok := numberIn(row["size"].text); ok {
			found.size = int64(n)
		}
		all = append(all, found)
	}
	return newestFirst(all), nil
}
