package config

import (
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/prometheus/common/model"

	"guardian/actions"
	"guardian/internal/ingest"
	"guardian/internal/secret"
	"guardian/notifiers/route"
	"guardian/probes"
	"guardian/rules"
	"guardian/watch"
)

// Config is a whole configuration: decoded, defaults filled in, and checked. Nobody changes
// it after Load; a reload makes another one.
//
// It prints as a summary and never as its contents, because text that came from the
// environment may stand in any field of it.
type Config struct {
	Server   Server   `yaml:"server" doc:"Where the guardian listens and how it speaks."`
	Storage  Storage  `yaml:"storage" doc:"Where samples and the journal are kept, and for how long."`
	Tokens   []Token  `yaml:"tokens" doc:"Who may call the API; without tokens the guardian listens on loopback only."`
	Defaults Defaults `yaml:"defaults" doc:"What checks use where they do not say otherwise."`

	Services []Service `yaml:"services" doc:"What is deployed and can be put back."`
	Checks   []Check   `yaml:"checks" doc:"Looks at targets on a schedule."`

	Marketplaces Marketplaces `yaml:"marketplaces" doc:"How much of the sellers' quotas checks may use, and what tells how much the sellers use themselves."`

	Rules              []string          `yaml:"rules" doc:"Prometheus rule files: patterns relative to this file, such as rules/*.yaml."`
	EvaluationInterval model.Duration    `yaml:"evaluation_interval" doc:"How often a group of rules that names no interval is evaluated."`
	ExternalLabels     map[string]string `yaml:"external_labels" doc:"Labels that templates of rules see as $externalLabels."`
	RuleSources        []RuleSource      `yaml:"rule_sources" doc:"Prometheus-compatible servers that answer the queries of rule files of their own, and of counters that name them, in place of the guardian's series."`
	Ingest             []string          `yaml:"ingest" doc:"Metrics that others may write here (remote write), so that rules may read them: names, or globs such as erp_*."`

	Routes        route.Node       `yaml:"routes" doc:"Which notices go to whom: Alertmanager's routing tree."`
	TimeIntervals []route.Interval `yaml:"time_intervals" doc:"Named stretches of time that routes refer to, as in Alertmanager."`
	Receivers     []Receiver       `yaml:"receivers" doc:"Named destinations of notices."`

	Runbooks []actions.RunbookSettings `yaml:"runbooks" doc:"Ordered acts on the world, with their proof and their approval."`
	OnAlert  []OnAlert                 `yaml:"on_alert" doc:"Which alerts start which runbook."`
	Brake    Brake                     `yaml:"brake" doc:"When many services fail at once, automatic rollbacks wait for a person."`

	Maintenance []Maintenance `yaml:"maintenance" doc:"Announced windows: their notices are quiet and the report lists them apart."`
	Freezes     []Freeze      `yaml:"freezes" doc:"Calendar windows in which a service may not be deployed."`

	// File is the path that was loaded, as it was given.
	File string `yaml:"-"`
	// RuleFiles are the files that Rules matched, sorted, each once.
	RuleFiles []RuleFile `yaml:"-"`
	// Groups are the rules in them, those of RuleSources included.
	Groups []*rules.Group `yaml:"-"`
	// Ingested are the metrics of Ingest, without those that checks and rules make.
	Ingested ingest.Names `yaml:"-"`
}

// RuleSource is a server that answers the queries of some rule files and counters.
type RuleSource struct {
	Name                string `yaml:"name" required:"true" doc:"What the server is called in messages."`
	probes.PromQLServer `yaml:",inline"`
	Timeout             model.Duration `yaml:"timeout" doc:"How long one query may take; after that it is not known what the server would have said."`
	QueryOffset         model.Duration `yaml:"query_offset" doc:"How long before now groups that do not say it themselves are asked, for a server whose samples arrive late."`
	Rules               []string       `yaml:"rules" doc:"Prometheus rule files whose expressions this server answers: patterns as in rules."`
}

// RuleFile is one Prometheus rule file as it was read.
type RuleFile struct {
	Name    string // its path, as the pattern gave it
	ID      string // its path from the configuration, however that is found
	Content []byte
}

// Server is how the guardian is reached and how it speaks.
type Server struct {
	Listen       string   `yaml:"listen" doc:"Address and port to listen on; another address than loopback needs tokens."`
	ExternalURL  string   `yaml:"external_url" doc:"How people reach the guardian: the start of every link in a notice."`
	AdvertiseURL string   `yaml:"advertise_url" doc:"How another guardian of the same journal reaches this one; left out: http(s) and the listen address."`
	Language     string   `yaml:"language" enum:"zh,en" doc:"The language of pages and notices."`
	Timezone     Timezone `yaml:"timezone" doc:"The time zone of reports, pages, notices and cron expressions, such as Asia/Shanghai; left out: UTC."`
	TLS          *TLS     `yaml:"tls" doc:"Serve HTTPS."`
	Limits       Limits   `yaml:"limits" doc:"What one guardian takes on at most."`
}

// TLS names the files of a certificate.
type TLS struct {
	Cert string `yaml:"cert" required:"true" path:"true" doc:"PEM file with the certificate chain."`
	Key  string `yaml:"key" required:"true" path:"true" doc:"PEM file with the private key."`
}

// Limits bound what one guardian takes on.
type Limits struct {
	Series       int            `yaml:"series" doc:"Most time series that are kept at one time."`
	QueryTimeout model.Duration `yaml:"query_timeout" doc:"How long one PromQL query may take."`
	QuerySamples int            `yaml:"query_samples" doc:"Most samples that one PromQL query may hold in memory."`
}

// Storage is where facts are kept. Path is absolute after Load.
type Storage struct {
	Path      string         `yaml:"path" doc:"Folder of the samples and of the journal (SQLite)."`
	Postgres  secret.Secret  `yaml:"postgres" doc:"PostgreSQL connection string of the journal; several guardians may share it."`
	Retention Retention      `yaml:"retention" doc:"How long facts are kept."`
	Lease     model.Duration `yaml:"lease" doc:"How long the acting guardian may be silent before another one takes over."`
}

// Retention is how long facts are kept.
type Retention struct {
	Samples model.Duration `yaml:"samples" doc:"How long samples are kept."`
	Journal model.Duration `yaml:"journal" doc:"How long the journal is kept; reports need what it holds."`
}

// Token is a person or program that may call the API.
type Token struct {
	Name  string        `yaml:"name" required:"true" doc:"Who this is: it stands in the journal beside what they did."`
	Role  string        `yaml:"role" required:"true" enum:"viewer,deployer,approver,admin" doc:"What they may do; each role includes the one before."`
	Token secret.Secret `yaml:"token" required:"true" doc:"The bearer token, at least 16 characters, from the environment or a file."`
}

// Defaults is what checks use where they do not say otherwise.
type Defaults struct {
	Every       model.Duration    `yaml:"every" doc:"Time between two looks."`
	Timeout     model.Duration    `yaml:"timeout" doc:"How long one look may take; left out: 10s, or 80% of the time between two looks when that is less."`
	FailureRate watch.Share       `yaml:"failure_rate" doc:"Share of looks that may fail in good times."`
	BlindAfter  model.Duration    `yaml:"blind_after" doc:"How long a check may be unknown before that is told."`
	Labels      map[string]string `yaml:"labels" doc:"Labels that every check gets."`
	Retry       probes.Retry      `yaml:"retry" doc:"Tries within a look, for every check that only reads."`
	Burst       probes.Burst      `yaml:"burst" doc:"The raised pace of every check that only reads and is looked at less than half as often; left out: none."`
}

// Service is something that is deployed and can be put back.
type Service struct {
	Name        string         `yaml:"name" required:"true" doc:"The name that deploys and checks use."`
	Environment string         `yaml:"environment" doc:"The environment that is watched."`
	Objective   *Objective     `yaml:"objective" doc:"The availability that was promised."`
	Watch       watch.Settings `yaml:"watch" doc:"How deploys of this service are watched."`
	Rollback    string         `yaml:"rollback" doc:"The runbook that puts a version back."`
	KnownGood   []string       `yaml:"known_good" doc:"Versions that are declared good; those that pass a watch are added by the guardian."`
}

// Objective is a promise.
type Objective struct {
	Availability watch.Share `yaml:"availability" required:"true" doc:"Share of the time in which the service is up, such as 99.9%."`
	Window       string      `yaml:"window" enum:"calendar_month" doc:"The time over which the promise holds."`
}

// Receiver is a named destination of notices.
type Receiver struct {
	Name     string `yaml:"name" required:"true" doc:"The name that routes use."`
	Language string `yaml:"language" enum:"zh,en" doc:"The language of its notices; left out: the server's."`
	Fallback string `yaml:"fallback" doc:"The receiver that gets what this one cannot deliver."`

	// Kind is the key of the section, and Settings what the kind's Settings gave, filled in.
	Kind     string `yaml:"-"`
	Settings any    `yaml:"-"`
}

// OnAlert binds alerts to a runbook.
type OnAlert struct {
	Match   map[string]string `yaml:"match" required:"true" doc:"Labels that an alert must have; all of them."`
	Runbook string            `yaml:"runbook" required:"true" doc:"The runbook to run."`
	Mode    watch.Mode        `yaml:"mode" doc:"Whether it runs by itself, asks a person, or only tells."`
}

// Brake holds automatic rollbacks when the trouble is not one service's.
type Brake struct {
	MaxFailingServices int            `yaml:"max_failing_services" doc:"With so many services failing, automatic runs wait for a person; 0: never."`
	Within             model.Duration `yaml:"within" doc:"The time within which they fail."`
}

// Freeze is a calendar window without deploys.
type Freeze struct {
	Name     string      `yaml:"name" required:"true" doc:"What the window is called: a closed gate says it."`
	From     time.Time   `yaml:"from" required:"true" doc:"When it begins (RFC 3339)."`
	To       time.Time   `yaml:"to" required:"true" doc:"When it ends (RFC 3339)."`
	Services []string    `yaml:"services" doc:"The services that are frozen; left out: all."`
	Allow    []watch.Act `yaml:"allow" enum:"rollback" doc:"What is allowed all the same; without rollback a person must approve one that would start by itself."`
}

// Gate gives the window as package watch takes it.
func (f Freeze) Gate() watch.Freeze {
	return watch.Freeze{Name: f.Name, From: f.From.UTC(), To: f.To.UTC(), Services: f.Services, Allow: f.Allow}
}

// Service gives the service of that name.
func (c *Config) Service(name string) (*Service, bool) {
	for i := range c.Services {
		if c.Services[i].Name == name {
			return &c.Services[i], true
		}
	}
	return nil, false
}

// Check gives the check of that name.
func (c *Config) Check(name string) (*Check, bool) {
	for i := range c.Checks {
		if c.Checks[i].Name == name {
			return &c.Checks[i], true
		}
	}
	return nil, false
}

// Runbook gives the runbook of that name.
func (c *Config) Runbook(name string) (*actions.RunbookSettings, bool) {
	for i := range c.Runbooks {
		if c.Runbooks[i].Name == name {
			return &c.Runbooks[i], true
		}
	}
	return nil, false
}

// Location gives the time zone of reports and schedules.
func (c *Config) Location() *time.Location { return c.Server.Timezone.Location() }

// String gives a summary without any value of the configuration.
func (c *Config) String() string {
	return fmt.Sprintf("%s: %d services, %d checks, %d rule files, %d receivers, %d runbooks",
		c.File, len(c.Services), len(c.Checks), len(c.RuleFiles), len(c.Receivers), len(c.Runbooks))
}

// Format implements fmt.Formatter, so that no verb prints what is inside.
func (c Config) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }

// LogValue implements slog.LogValuer.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalText implements encoding.TextMarshaler, and with it JSON and YAML.
func (c Config) MarshalText() ([]byte, error) { return []byte(c.String()), nil }
