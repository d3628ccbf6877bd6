package server

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"runtime"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/tsdb"
	"google.golang.org/protobuf/encoding/protojson"
)

// Setup says with what the guardian runs, in Prometheus' terms.
type Setup interface {
	PromSetup(ctx context.Context) (PromSetup, error)
}

// PromSetup is what the guardian runs with, without secrets.
type PromSetup struct {
	Config         string            // YAML: what Prometheus' own configuration has a word for
	Flags          map[string]string // by the names of Prometheus' flags
	Retention      time.Duration
	Alertmanagers  []string // their addresses
	ExternalLabels map[string]string
	Features       map[string]map[string]bool // by category and name
}

// Storage says how the samples are stored.
type Storage interface {
	// StorageStats gives statistics of the series in memory, each with at most limit entries.
	StorageStats(ctx context.Context, limit int) (StorageStats, error)
	StorageBlocks(ctx context.Context) ([]tsdb.BlockMeta, error)
	StorageReplay(ctx context.Context) (Replay, error)
}

// StorageStats is how many series there are, and of what there is most.
type StorageStats struct {
	Series, LabelPairs                                 int
	First, Last                                        int64 // ms
	SeriesOfMetric, ValuesOfLabel, BytesOfLabel, Pairs []Counted
}

// Counted is a name and how many there are of it.
type Counted struct {
	Name  string `json:"name"`
	Value uint64 `json:"value"`
}

// Replay is how far the write-ahead log was read at the start, in segments.
type Replay struct {
	Min     int `json:"min"`
	Max     int `json:"max"`
	Current int `json:"current"`
}

// buildInfo is what Grafana asks to find out whom it talks to.
func (*Server) buildInfo(process Process) handler {
	return func(w http.ResponseWriter, r *http.Request, _ Caller) error {
		st, err := process.Status(r.Context())
		if err != nil {
			return err
		}
		info := map[string]string{
			"version": st.Version, "application": "guardian", "revision": "", "branch": "", "buildUser": "", "buildDate": "", "goVersion": runtime.Version(),
		}
		if built, ok := debug.ReadBuildInfo(); ok {
			for _, s := range built.Settings {
				switch s.Key {
				case "vcs.revision":
					info["revision"] = s.Value
				case "vcs.time":
					info["buildDate"] = s.Value
				}
			}
		}
		return writeQuery(w, info, nil, nil)
	}
}

type runtimeAnswer struct {
	StartTime           time.Time `json:"startTime"`
	CWD                 string    `json:"CWD"`
	Hostname            string    `json:"hostname"`
	ServerTime          time.Time `json:"serverTime"`
	ReloadConfigSuccess bool      `json:"reloadConfigSuccess"`
	LastConfigTime      time.Time `json:"lastConfigTime"`
	CorruptionCount     int64     `json:"corruptionCount"`
	GoroutineCount      int       `json:"goroutineCount"`
	GOMAXPROCS          int       `json:"GOMAXPROCS"`
	GOMEMLIMIT          int64     `json:"GOMEMLIMIT"`
	GOGC                string    `json:"GOGC"`
	GODEBUG             string    `json:"GODEBUG"`
	StorageRetention    string    `json:"storageRetention"`
}

func (s *Server) runtimeInfo(process Process, setup Setup) handler {
	return func(w http.ResponseWriter, r *http.Request, _ Caller) error {
		st, err := process.Status(r.Context())
		if err != nil {
			return err
		}
		with, err := setup.PromSetup(r.Context())
		if err != nil {
			return err
		}
		a := runtimeAnswer{
			StartTime: st.Started.UTC(), ServerTime: s.now().UTC(), ReloadConfigSuccess: st.LoadError == "", LastConfigTime: st.Loaded.UTC(),
			CorruptionCount: int64(s.gathered("guardian_prometheus_tsdb_wal_corruptions_total")), GoroutineCount: runtime.NumGoroutine(),
			GOMAXPROCS: runtime.GOMAXPROCS(0), GOMEMLIMIT: debug.SetMemoryLimit(-1), GOGC: os.Getenv("GOGC"), GODEBUG: os.Getenv("GODEBUG"),
			StorageRetention: model.Duration(with.Retention).String(),
		}
		a.CWD, _ = os.Getwd()
		a.Hostname, _ = os.Hostname()
		return writeQuery(w, a, nil, nil)
	}
}

func (*Server) flags(from Setup) handler {
	return func(w http.ResponseWriter, r *http.Request, _ Caller) error {
		setup, err := from.PromSetup(r.Context())
		if err != nil {
			return err
		}
		return writeQuery(w, setup.Flags, nil, nil)
	}
}

func (*Server) config(from Setup) handler {
	return func(w http.ResponseWriter, r *http.Request, _ Caller) error {
		setup, err := from.PromSetup(r.Context())
		if err != nil {
			return err
		}
		return writeQuery(w, map[string]string{"yaml": setup.Config}, nil, nil)
	}
}

// features says what this server can do, so that a client need not try.
func (*Server) features(from Setup) handler {
	return func(w http.ResponseWriter, r *http.Request, _ Caller) error {
		setup, err := from.PromSetup(r.Context())
		if err != nil {
			return err
		}
		return writeQuery(w, setup.Features, nil, nil)
	}
}

const maxStats = 10_000 // entries of each statistic, as in Prometheus

func (s *Server) tsdbStatus(from Storage) handler {
	return func(w http.ResponseWriter, r *http.Request, _ Caller) error {
		limit := 10
		if text := r.FormValue("limit"); text != "" {
			var err error
			if limit, err = strconv.Atoi(text); err != nil || limit < 1 {
				return badData("limit must be a positive number")
			}
			if limit > maxStats {
				return badData("limit must not exceed %d", maxStats)
			}
		}
		st, err := from.StorageStats(r.Context(), limit)
		if err != nil {
			return err
		}
		return writeQuery(w, map[string]any{
			"headStats": map[string]any{
				"numSeries": st.Series, "numLabelPairs": st.LabelPairs, "chunkCount": int64(s.gathered("guardian_prometheus_tsdb_head_chunks")),
				"minTime": st.First, "maxTime": st.Last,
			},
			"seriesCountByMetricName": orEmpty(st.SeriesOfMetric), "labelValueCountByLabelName": orEmpty(st.ValuesOfLabel),
			"memoryInBytesByLabelName": orEmpty(st.BytesOfLabel), "seriesCountByLabelValuePair": orEmpty(st.Pairs),
		}, nil, nil)
	}
}

func (*Server) tsdbBlocks(from Storage) handler {
	return func(w http.ResponseWriter, r *http.Request, _ Caller) error {
		blocks, err := from.StorageBlocks(r.Context())
		if err != nil {
			return err
		}
		return writeQuery(w, map[string]any{"blocks": orEmpty(blocks)}, nil, nil)
	}
}

func (*Server) walReplay(from Storage) handler {
	return func(w http.ResponseWriter, r *http.Request, _ Caller) error {
		replay, err := from.StorageReplay(r.Context())
		if err != nil {
			return err
		}
		return writeQuery(w, replay, nil, nil)
	}
}

// selfMetrics gives the guardian's own metrics as JSON.
func (s *Server) selfMetrics(w http.ResponseWriter, r *http.Request, _ Caller) error {
	var named *regexp.Regexp
	if text := r.FormValue("metric_name_pattern"); text != "" {
		var err error
		if named, err = regexp.Compile("^(?:" + text + ")$"); err != nil {
			return badData("invalid metric_name_pattern: %w", err)
		}
	}
	all := []json.RawMessage{}
	if s.options.Gatherer == nil {
		return writeQuery(w, all, nil, nil)
	}
	families, err := s.options.Gatherer.Gather()
	if err != nil {
		return fmt.Errorf("gather metrics: %w", err)
	}
	for _, f := range families {
		if named != nil && !named.MatchString(f.GetName()) {
			continue
		}
		text, err := protojson.Marshal(f)
		if err != nil {
			return fmt.Errorf("write metric %s: %w", f.GetName(), err)
		}
		all = append(all, text)
	}
	return writeQuery(w, all, nil, nil)
}

// gathered gives the value of one of the guardian's own metrics; 0 when there is none.
func (s *Server) gathered(name string) float64 {
	if s.options.Gatherer == nil {
		return 0
	}
	families, _ := s.options.Gatherer.Gather() // as far as it can be
	for _, f := range families {
		if f.GetName() == name && len(f.GetMetric()) > 0 {
			m := f.GetMetric()[0]
			return m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	return 0
}
