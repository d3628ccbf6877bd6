package series

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/VictoriaMetrics/fastcache"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/wlog"
	"github.com/prometheus/prometheus/util/compression"
	"github.com/prometheus/prometheus/util/features"
)

// Lookback is how far back a query looks for the last value of a series, as in Prometheus.
const Lookback = 5 * time.Minute

// Options configures a DB. Zero values of fields other than Dir mean the defaults.
type Options struct {
	Dir        string        // created if it does not exist
	Retention  time.Duration // of samples; default 15 days
	MaxSeries  int           // of each source, of the last hours, in memory; default 1,000,000
	Log        *slog.Logger
	Registerer prometheus.Registerer // nil: no metrics

	// Exemplars is how many are kept of all series together; 0: none.
	Exemplars int

	// SourceSeries has the limits of sources that have another one than MaxSeries.
	SourceSeries map[Source]int

	QueryTimeout    time.Duration // default 2 minutes
	QueryMaxSamples int           // in memory for one query; default 50,000,000
}

// Point is one sample of a series: labels, time in milliseconds since 1970, and a float or
// a histogram. It is what rules record, so that it is appended as it is.
type Point = promql.Sample

// DB is the sample storage and what answers PromQL over it. Its methods may be called from
// everywhere at once.
type DB struct {
	tsdb    *tsdb.DB
	replay  *tsdb.DBStats // of the write-ahead log, at the start
	can     features.Collector
	engine  *promql.Engine
	latest  *latest
	limit   *seriesLimit
	cache   *fastcache.Cache
	metrics *metrics
	log     *slog.Logger

	exemplars bool // whether they are kept

	mu     sync.Mutex
	checks map[string]*track
}

// refCache is the size of the cache of references of series, in bytes.
const refCache = 32 << 20

// Open opens the storage in o.Dir and replays its write-ahead log. After a kill at any time, all
// samples are there that were accepted.
func Open(o Options) (*DB, error) {
	if o.Dir == "" {
		return nil, errors.New("open series: no folder given")
	}
	if o.Retention <= 0 {
		o.Retention = 15 * 24 * time.Hour
	}
	if o.MaxSeries <= 0 {
		o.MaxSeries = 1_000_000
	}
	if o.QueryTimeout <= 0 {
		o.QueryTimeout = 2 * time.Minute
	}
	if o.QueryMaxSamples <= 0 {
		o.QueryMaxSamples = 50_000_000
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if err := writable(o.Dir); err != nil {
		return nil, fmt.Errorf("open series in %s: %w (the folder must be writable by the user that runs guardian)", o.Dir, err)
	}
	db := &DB{log: o.Log, checks: map[string]*track{}, latest: newLatest(), limit: newSeriesLimit(o.MaxSeries, o.SourceSeries), replay: tsdb.NewDBStats(), exemplars: o.Exemplars > 0, can: features.NewRegistry()}
	opts := tsdb.DefaultOptions()
	opts.RetentionDuration = o.Retention.Milliseconds()
	opts.MaxBlockDuration = min(opts.RetentionDuration/10, (31 * 24 * time.Hour).Milliseconds())
	opts.MaxBlockDuration = max(opts.MaxBlockDuration, opts.MinBlockDuration)
	opts.WALSegmentSize = wlog.DefaultSegmentSize / 4
	opts.WALCompression = compression.Snappy
	opts.StripeSize = 1 << 10 // Prometheus' default takes tens of MiB and is for millions of series
	opts.SeriesLifecycleCallback = db.limit
	opts.FeatureRegistry = db.can
	opts.EnableExemplarStorage, opts.MaxExemplars = db.exemplars, int64(o.Exemplars)
	// The lock is released when the process ends: after a kill no lock file has to be removed.
	t, err := tsdb.Open(o.Dir, o.Log.With("part", "tsdb"), prefixed(o.Registerer), opts, db.replay)
	if errors.Is(err, syscall.EAGAIN) {
		return nil, fmt.Errorf("open series in %s: another guardian runs on this folder: give each a storage.path of its own; what they share is the journal, by storage.postgres", o.Dir)
	}
	if err != nil {
		return nil, fmt.Errorf("open series in %s: %w", o.Dir, err)
	}
	db.limit.start()
	db.tsdb = t
	db.cache = fastcache.New(refCache)
	db.metrics = newMetrics(o.Registerer, db)
	db.engine = promql.NewEngine(engineOptions(promql.EngineOpts{
		Logger:     o.Log.With("part", "promql"),
		Reg:        prefixed(o.Registerer),
		MaxSamples: o.QueryMaxSamples,
		Timeout:    o.QueryTimeout,

		FeatureRegistry: db.can,
	}))
	return db, nil
}

// Close closes the storage. No other method may be called after it.
func (db *DB) Close() error {
	db.cache.Reset()
	return errors.Join(db.engine.Close(), db.tsdb.Close())
}

// Queryable returns the storage for handlers that use Prometheus' interfaces.
func (db *DB) Queryable() storage.SampleAndChunkQueryable { return db.tsdb }

// Features says what the storage and PromQL can do, by category and name, as Prometheus names it.
func (db *DB) Features() map[string]map[string]bool { return db.can.Get() }

// Engine returns the PromQL engine with this storage's limits.
func (db *DB) Engine() *promql.Engine { return db.engine }

// writable creates the folder and checks that it is writable. The storage itself would report
// this late and without an explanation.
func writable(dir string) error {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".writable-")
	if err != nil {
		return err
	}
	_, err = io.WriteString(f, "x")
	return errors.Join(err, f.Close(), os.Remove(f.Name()))
}

// prefixed adds the prefix guardian_ to the metrics of libraries.
func prefixed(reg prometheus.Registerer) prometheus.Registerer {
	if reg == nil {
		return nil
	}
	return prometheus.WrapRegistererWithPrefix("guardian_", reg)
}

// Head returns the time of the newest sample; false if there is none.
func (db *DB) Head() (time.Time, bool) {
	t := db.tsdb.Head().MaxTime()
	if t <= 0 {
		return time.Time{}, false
	}
	return time.UnixMilli(t).UTC(), true
}

// Snapshot writes a copy of the storage into a new or empty folder.
func (db *DB) Snapshot(_ context.Context, dir string) error {
	if err := db.tsdb.Snapshot(dir, true); err != nil {
		return fmt.Errorf("snapshot series into %s: %w", dir, err)
	}
	return nil
}
