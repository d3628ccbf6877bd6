package config

import (
	"maps"
	"reflect"
	"slices"

	"github.com/prometheus/common/model"

	"guardian/actions"
	"guardian/actions/exec"
	"guardian/actions/traffic"
	"guardian/internal/flags"
	"guardian/watch"
)

// kindTable holds the kinds of checks, steps or receivers.
type kindTable struct {
	noun     string
	settings map[string]func() any // by kind: returns a pointer to settings with defaults
}

// grouped is a struct with kinds that may be a group of others (parallel) instead of one.
type grouped interface{ IsGroup() bool }

// kindTables holds the kinds of those structs that have a section whose key is its kind. Such a
// struct has the fields Kind and Settings.
type kindTables map[reflect.Type]kindTable

func (t kindTable) names() []string { return slices.Sorted(maps.Keys(t.settings)) }

// kindsOf returns the kinds of the options.
func kindsOf(o Options) kindTables {
	checks, steps, receivers := map[string]func() any{}, map[string]func() any{}, map[string]func() any{}
	for name, k := range o.Probes {
		checks[name] = k.Settings
	}
	for name, k := range o.Actions {
		steps[name] = k.Settings
	}
	for name, k := range o.Notifiers {
		receivers[name] = k.Settings
	}
	return kindTables{
		reflect.TypeFor[Check]():                {noun: "check", settings: checks},
		reflect.TypeFor[actions.StepSettings](): {noun: "step", settings: steps},
		reflect.TypeFor[Receiver]():             {noun: "receiver", settings: receivers},
	}
}

// fresh returns a pointer to a new value with its defaults.
func fresh(t reflect.Type) reflect.Value {
	p := reflect.New(t)
	switch v := p.Interface().(type) {
	case *Config:
		*v = defaultConfig()
	case *Service:
		v.Environment, v.Production, v.RollbackAsks, v.Drift = "production", true, true, 5*minute
		v.Watch = watch.DefaultSettings()
	case *watch.CounterSettings:
		*v = watch.DefaultCounter()
	case *Objective:
		v.Window = "calendar_month"
	case *Check:
		v.Weight, v.Watch, v.CountsForSLA = 1, true, true
	case *RuleSource:
		v.Timeout = 10 * second
	case *Alertmanager:
		v.Timeout, v.ResendDelay = 10*second, minute
	case *Drill:
		*v = defaultDrill()
	case *OnAlert:
		v.Mode = watch.Approve
	case *flags.Settings:
		*v = flags.Defaults()
	case *exec.Settings: // of a kind that runs a command
		if d, ok := exec.Kind().Settings().(*exec.Settings); ok {
			*v = *d
		}
	case *actions.RunbookSettings:
		*v = actions.NewRunbookSettings()
	case *actions.RequireSettings:
		*v = actions.NewRequireSettings()
	case *actions.StepSettings:
		*v = actions.NewStepSettings()
	case *traffic.NGINXSettings:
		*v = traffic.NGINXDefaults()
	case *traffic.HAProxySettings:
		*v = traffic.HAProxyDefaults()
	}
	return p
}

// defaultConfig returns the defaults of a configuration.
func defaultConfig() Config {
	return Config{
		Server: Server{
			Listen:   "127.0.0.1:9440",
			Language: "en",
			Limits:   Limits{Series: 200_000, QueryTimeout: 30 * second, QuerySamples: 10_000_000},

			ActionLinks: ActionLinks{ValidFor: day},
		},
		Storage: Storage{
			Path:      "data",
			Retention: Retention{Samples: 15 * day, Journal: 400 * day},
			Exemplars: 100_000,
			Lease:     6 * second,
		},
		Defaults: Defaults{
			Every:       15 * second,
			FailureRate: 0.01,
			BlindAfter:  10 * minute,
		},
		Marketplaces:       Marketplaces{MaxQuotaShare: 0.05},
		DefaultRules:       "auto",
		EvaluationInterval: 15 * second,
		Brake:              Brake{MaxFailingServices: 3, Within: 10 * minute},
	}
}

const (
	second model.Duration = 1e9
	minute                = 60 * second
	day                   = 24 * 60 * minute
)
