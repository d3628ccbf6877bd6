package config

import (
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"time"

	"github.com/prometheus/common/model"

	"guardian/actions"
	"guardian/internal/flags"
	"guardian/internal/ingest"
	"guardian/internal/secret"
	"guardian/notifiers"
	"guardian/notifiers/route"
	"guardian/oncall"
	"guardian/probes"
	"guardian/rules"
	"guardian/watch"
)

// Config is a whole configuration: decoded, defaults filled in, validated. It is immutable
// after Load; a reload loads another one.
//
// It prints as a summary only, because any field may hold a secret from the environment.
type Config struct {
	Server   Server   `yaml:"server" doc:"Address, language, time zone and limits of this guardian."`
	Storage  Storage  `yaml:"storage" doc:"Where samples and the journal are stored, and for how long."`
	Tokens   []Token  `yaml:"tokens" doc:"API tokens; without tokens the guardian listens on loopback only."`
	Defaults Defaults `yaml:"defaults" doc:"Defaults of all checks."`

	Services []Service `yaml:"services" doc:"What is deployed and can be rolled back."`
	Checks   []Check   `yaml:"checks" doc:"Probes of targets on a schedule."`

	Marketplaces Marketplaces `yaml:"marketplaces" doc:"How much of the sellers' API quotas checks may use, and where the usage of the sellers' own applications is read."`

	Rules              []string          `yaml:"rules" doc:"Prometheus rule files: glob patterns relative to this file, such as rules/*.yaml."`
	DefaultRules       string            `yaml:"default_rules" enum:"auto,always,never" doc:"Built-in rules: a check fails, flaps or is slow, a certificate ends, a quota is nearly used, a job did not report, something else runs than should. auto: where rules and rule_sources name none and there is a receiver; always: beside your own, of which those of the same name replace them. Those of drills and of what runs apply in auto, too, wherever they have something to read."`
	EvaluationInterval model.Duration    `yaml:"evaluation_interval" doc:"How often rule groups without an interval of their own are evaluated."`
	ExternalLabels     map[string]string `yaml:"external_labels" doc:"Labels that rule templates read as $externalLabels."`
	RuleSources        []RuleSource      `yaml:"rule_sources" doc:"Prometheus-compatible servers that evaluate queries of their own rule files, and of the counters that name them, instead of the guardian."`
	Alertmanagers      []Alertmanager    `yaml:"alertmanagers" doc:"Alertmanagers to which the guardian's own alerts are sent, as Prometheus does; its own receivers are told all the same."`
	Ingest             []string          `yaml:"ingest" doc:"Metrics accepted by remote write: names, or globs such as erp_*."`

	Routes        route.Node          `yaml:"routes" doc:"Which receivers get which notices: a routing tree as in Alertmanager."`
	TimeIntervals []route.Interval    `yaml:"time_intervals" doc:"Named time intervals that routes refer to, as in Alertmanager."`
	InhibitRules  []route.InhibitRule `yaml:"inhibit_rules" doc:"Which alerts are not notified while another one fires, as in Alertmanager."`
	Receivers     []Receiver          `yaml:"receivers" doc:"Named destinations of notices."`

	People      []oncall.Person     `yaml:"people" doc:"People who can be on call, and how they are reached."`
	Schedules   []oncall.Settings   `yaml:"schedules" doc:"Who is on call when."`
	Escalations []oncall.Escalation `yaml:"escalations" doc:"Who is notified, step by step, while nobody acknowledges an alert; in addition to the routes."`
	Heartbeat   *Heartbeat          `yaml:"heartbeat" doc:"A sign of life to an outside service, which notices when the guardian itself is down. It is sent only while checks, rules, notices and the journal are well."`

	Runbooks []actions.RunbookSettings `yaml:"runbooks" doc:"Lists of steps, such as a rollback, with verification and approval."`
	Flags    []flags.Settings          `yaml:"flags" doc:"Kill switches that the sellers' own jobs read by the OpenFeature Remote Evaluation Protocol, and that runbooks and people set."`
	OnAlert  []OnAlert                 `yaml:"on_alert" doc:"Alerts that start a runbook."`
	Brake    Brake                     `yaml:"brake" doc:"When many services fail at once, automatic runs wait for approval."`

	Maintenance []Maintenance `yaml:"maintenance" doc:"Maintenance windows: notices are suppressed, and the SLA report lists them separately."`
	Freezes     []Freeze      `yaml:"freezes" doc:"Windows in which a service may not be deployed."`

	Drills []Drill `yaml:"drills" doc:"Rehearsals of rollbacks at services that are not production."`

	// Warnings say what is no mistake and cannot work all the same, such as a watch that is too short
	// for its checks.
	Warnings Mistakes `yaml:"-"`
	// Undeclared are the services with a rollback that declare no version good.
	Undeclared []Undeclared `yaml:"-"`
	// places are those of what Dropped warns of.
	places map[string]Mistake
	// Notes say what applies although it is not written down.
	Notes []string `yaml:"-"`
	// File is the path that was loaded, as it was given.
	File string `yaml:"-"`
	// RuleFiles are the files that Rules matched, sorted and without duplicates.
	RuleFiles []RuleFile `yaml:"-"`
	// Groups are the rules in them and in the files of RuleSources.
	Groups []*rules.Group `yaml:"-"`
	// Roster are the people and schedules, with the calendars that are files.
	Roster *oncall.Roster `yaml:"-"`
	// Calendars are the contents of the calendars that are files, by their source's key.
	Calendars map[string]*oncall.Calendar `yaml:"-"`
	// Switches are the flags, built.
	Switches []flags.Flag `yaml:"-"`
	// Policies are the escalations, built.
	Policies []oncall.Policy `yaml:"-"`
	// Ingested are the metrics of Ingest, without those that checks and rules produce.
	Ingested ingest.Names `yaml:"-"`
}

// Undeclared is a service with a rollback that declares no version good, and what to say when none is
// known to be good either.
type Undeclared struct {
	Service string
	Warning Mistake
}

// RuleSource is a server that evaluates the queries of some rule files and counters.
type RuleSource struct {
	Name                string `yaml:"name" required:"true" doc:"The server's name, for counters (source) and messages."`
	probes.PromQLServer `yaml:",inline"`
	Timeout             model.Duration `yaml:"timeout" doc:"Timeout of one query; after it the result is unknown."`
	QueryOffset         model.Duration `yaml:"query_offset" doc:"How far in the past rules are evaluated, for a server whose samples arrive late; groups may set their own."`
	Rules               []string       `yaml:"rules" doc:"Prometheus rule files whose expressions this server evaluates: patterns as in rules."`
}

// Alertmanager is where the guardian's own alerts are sent.
type Alertmanager struct {
	Name        string         `yaml:"name" required:"true" doc:"The Alertmanager's name in logs and metrics."`
	URL         secret.Secret  `yaml:"url" required:"true" doc:"Its address, such as http://alertmanager:9093; /api/v2/alerts is added."`
	Token       secret.Secret  `yaml:"token" doc:"Token for Authorization: Bearer; default: none."`
	Timeout     model.Duration `yaml:"timeout" doc:"Timeout of one request."`
	ResendDelay model.Duration `yaml:"resend_delay" doc:"How often an alert that fires is sent again. One that is not sent for four times as long, or four intervals of its rule, resolves there."`
}

// RuleFile is one Prometheus rule file as it was read.
type RuleFile struct {
	Name    string // its path, as the pattern matched it
	ID      string // its path relative to the configuration, the same on every machine
	Content []byte
}

// Server is the address, language and limits of a guardian.
type Server struct {
	Listen       string   `yaml:"listen" doc:"Address and port to listen on; an address other than loopback needs tokens."`
	ExternalURL  string   `yaml:"external_url" doc:"The guardian's address for people: the base of links in notices."`
	AdvertiseURL string   `yaml:"advertise_url" doc:"The guardian's address for other guardians with the same journal; default: http(s) and the listen address."`
	Language     string   `yaml:"language" enum:"zh,en" doc:"Language of pages and notices."`
	Timezone     Timezone `yaml:"timezone" doc:"Time zone of reports, pages, notices and cron expressions, such as Asia/Shanghai; default: UTC."`
	TLS          *TLS     `yaml:"tls" doc:"Serve HTTPS."`
	// TrustedProxies are checked by Load; see Proxies.
	TrustedProxies []string `yaml:"trusted_proxies" doc:"Addresses or networks, such as 10.0.0.0/8, of proxies in front of Guardian: where wrong tokens come from is taken from their X-Forwarded-For. Read at the start."`

	Limits Limits `yaml:"limits" doc:"Resource limits."`

	ActionLinks ActionLinks `yaml:"action_links" doc:"Links in messages by which readers acknowledge or silence an alert. They need external_url."`

	// ExternalURLSet tells whether ExternalURL was written: its default reaches this machine alone.
	ExternalURLSet bool `yaml:"-"`
}

// ActionLinks are links in messages by which readers act on an alert.
type ActionLinks struct {
	ValidFor model.Duration `yaml:"valid_for" doc:"How long a link works, at most 7d; 0s: messages have none."`
	Key      secret.Secret  `yaml:"key" doc:"Secret that signs the links and the sessions of people who log in, at least 32 characters, the same for all guardians with one journal. Default: one in the file links.key of storage.path."`
}

// HasActionLinks tells whether messages have links by which readers act on an alert.
func (s Server) HasActionLinks() bool { return s.ExternalURLSet && s.ActionLinks.ValidFor > 0 }

// Proxies gives the networks of the trusted proxies.
func (s Server) Proxies() []netip.Prefix {
	var all []netip.Prefix
	for _, text := range s.TrustedProxies {
		if p, err := readNetwork(text); err == nil {
			all = append(all, p)
		}
	}
	return all
}

func readNetwork(text string) (netip.Prefix, error) {
	if at, err := netip.ParseAddr(text); err == nil {
		return at.Prefix(at.BitLen())
	}
	return netip.ParsePrefix(text)
}

// TLS names the files of a certificate.
type TLS struct {
	Cert string `yaml:"cert" required:"true" path:"true" doc:"PEM file with the certificate chain."`
	Key  string `yaml:"key" required:"true" path:"true" doc:"PEM file with the private key."`
}

// Limits are resource limits of one guardian.
type Limits struct {
	Series       int            `yaml:"series" doc:"Maximum number of active time series of own checks and, where no other limit is set, of each of the other sources."`
	Scraped      int            `yaml:"scraped_series" doc:"Maximum number of active series that checks of kind scrape read; default: that of series."`
	Computed     int            `yaml:"computed_series" doc:"Maximum number of active series of rules and forecasts; default: that of series."`
	Ingested     int            `yaml:"ingested_series" doc:"Maximum number of active series that other programs write (ingest); default: that of series."`
	QueryTimeout model.Duration `yaml:"query_timeout" doc:"Timeout of one PromQL query."`
	QuerySamples int            `yaml:"query_samples" doc:"Maximum number of samples in memory per PromQL query."`
}

// Storage is where samples and the journal are stored. Path is absolute after Load.
type Storage struct {
	Path      string         `yaml:"path" doc:"Folder of the samples and the SQLite journal."`
	Postgres  secret.Secret  `yaml:"postgres" doc:"PostgreSQL connection string: store the journal there, where several guardians may share it."`
	Retention Retention      `yaml:"retention" doc:"How long data is kept."`
	Exemplars int            `yaml:"exemplars" doc:"How many exemplars are kept, the newest of all series together; 0: none. Read at the start."`
	Lease     model.Duration `yaml:"lease" doc:"How long the leader may fail to renew its lease before another guardian takes over."`
}

// Retention is how long data is kept.
type Retention struct {
	Samples model.Duration `yaml:"samples" doc:"How long samples are kept."`
	Journal model.Duration `yaml:"journal" doc:"How long the journal is kept; SLA reports are made from it."`
}

// Token is a person or program that may call the API.
type Token struct {
	Name  string        `yaml:"name" required:"true" doc:"The person or program, as it is named in the journal."`
	Role  string        `yaml:"role" required:"true" enum:"viewer,deployer,approver,admin" doc:"What the token permits; each role includes the one before it."`
	Token secret.Secret `yaml:"token" required:"true" doc:"The bearer token, at least 16 characters, best from the environment or a file."`
}

// Defaults are the defaults of all checks.
type Defaults struct {
	Every       model.Duration    `yaml:"every" doc:"Time between two looks."`
	Timeout     model.Duration    `yaml:"timeout" doc:"Timeout of one look; default: 10s, or 80% of the time between two looks if that is less."`
	FailureRate watch.Share       `yaml:"failure_rate" doc:"Share of looks that may fail while the service is healthy. Left out: what a long and quiet history of the check shows, and at most the default."`
	BlindAfter  model.Duration    `yaml:"blind_after" doc:"How long a check may be unknown before people are notified."`
	Labels      map[string]string `yaml:"labels" doc:"Labels that every check gets."`
	Retry       probes.Retry      `yaml:"retry" doc:"Retries within a look, for every check that only reads."`
	Recheck     probes.Recheck    `yaml:"recheck" doc:"The rechecks of every check that only reads and is looked at less than half as often; left out: none."`
}

// Service is something that is deployed and can be put back.
type Service struct {
	Name        string `yaml:"name" required:"true" doc:"The service's name in deploys and checks."`
	Environment string `yaml:"environment" doc:"The environment that the checks look at."`
	// Production: left out is true.
	Production bool           `yaml:"production" doc:"Whether customers depend on it. Drills break services with production: false on purpose, and no other."`
	Objective  *Objective     `yaml:"objective" doc:"The service level objective."`
	Watch      watch.Settings `yaml:"watch" doc:"How deploys of this service are watched."`
	Rollback   string         `yaml:"rollback" doc:"The runbook that rolls the service back."`
	// RollbackAsks: left out is true.
	RollbackAsks bool     `yaml:"rollback_asks" doc:"Whether a person is asked, in mode auto too, before a rollback goes to a version that ran healthy but never passed a watch, or skips a release that passed or ran healthy."`
	Undo         string   `yaml:"undo" doc:"The runbook that undoes an operation (a deploy of kind operation, such as a price job) that failed. No version is put back: its steps cannot use .To."`
	KnownGood    []string `yaml:"known_good" doc:"Versions declared known good; versions that pass a watch are known good too."`
	Gate         Gate     `yaml:"gate" doc:"What must be proven before a deploy."`
	// Drift zero is never.
	Drift model.Duration `yaml:"drift" doc:"How often what runs is compared with what should, where a step of rollback can tell, by a check SERVICE-drift; 0s: never."`
}

// Gate is what must be proven before a deploy.
type Gate struct {
	Backup string `yaml:"backup" doc:"A check of kind backup of this service that must be up: the gate is closed while it is down, and while it is unknown."`
}

// Objective is a service level objective.
type Objective struct {
	Availability watch.Share `yaml:"availability" required:"true" doc:"Share of the time in which the service is up, such as 99.9%."`
	Window       string      `yaml:"window" enum:"calendar_month" doc:"The period of the objective."`
}

// Receiver is a named destination of notices.
type Receiver struct {
	Name     string `yaml:"name" required:"true" doc:"The receiver's name in routes."`
	Language string `yaml:"language" enum:"zh,en" doc:"Language of its notices; default: the server's."`
	Fallback string `yaml:"fallback" doc:"The receiver for notices that this one cannot deliver."`
	// MaxPerMinute: 0 is the kind's own limit.
	MaxPerMinute int `yaml:"max_per_minute" doc:"At most so many messages a minute, such as for SMS; more of them wait and are sent as one. Default: the limit of the kind, which this can only lower."`
	// MonthlyQuota: 0 is none.
	MonthlyQuota int `yaml:"monthly_quota" doc:"How many calls the vendor allows in a calendar month; people are warned when 80 % and all of them were made. Default: none."`

	Templates notifiers.TemplateSettings `yaml:"templates" doc:"Templates of its messages, for people; of webhooks see webhook.template."`

	// Kind is the section's key, and Settings are the decoded settings of that kind.
	Kind     string `yaml:"-"`
	Settings any    `yaml:"-"`
}

// OnAlert starts a runbook when an alert fires.
type OnAlert struct {
	Match   map[string]string `yaml:"match" required:"true" doc:"Labels that an alert must have, all of them."`
	Runbook string            `yaml:"runbook" required:"true" doc:"The runbook to start."`
	Mode    watch.Mode        `yaml:"mode" doc:"auto starts it, approve asks a person first, observe only reports it."`
}

// Brake makes automatic runs wait for approval when many services fail at once.
type Brake struct {
	MaxFailingServices int            `yaml:"max_failing_services" doc:"Number of failing services from which automatic runs wait for approval; 0: never. A service counts once its deploy failed, and before its verdict while a check fails for longer than the time between two looks."`
	Within             model.Duration `yaml:"within" doc:"The period in which they fail."`
}

// Freeze is a window without deploys.
type Freeze struct {
	Name     string      `yaml:"name" required:"true" doc:"The window's name, given as the reason of a closed gate."`
	From     time.Time   `yaml:"from" required:"true" doc:"Start (RFC 3339)."`
	To       time.Time   `yaml:"to" required:"true" doc:"End (RFC 3339)."`
	Services []string    `yaml:"services" doc:"The frozen services; default: all."`
	Allow    []watch.Act `yaml:"allow" enum:"rollback" doc:"What stays allowed; without rollback, automatic rollbacks need approval."`
}

// Gate converts the window for package watch.
func (f Freeze) Gate() watch.Freeze {
	return watch.Freeze{Name: f.Name, From: f.From.UTC(), To: f.To.UTC(), Services: f.Services, Allow: f.Allow}
}

// Service finds a service by name.
func (c *Config) Service(name string) (*Service, bool) {
	for i := range c.Services {
		if c.Services[i].Name == name {
			return &c.Services[i], true
		}
	}
	return nil, false
}

// Check finds a check by name.
func (c *Config) Check(name string) (*Check, bool) {
	for i := range c.Checks {
		if c.Checks[i].Name == name {
			return &c.Checks[i], true
		}
	}
	return nil, false
}

// Runbook finds a runbook by name.
func (c *Config) Runbook(name string) (*actions.RunbookSettings, bool) {
	for i := range c.Runbooks {
		if c.Runbooks[i].Name == name {
			return &c.Runbooks[i], true
		}
	}
	return nil, false
}

// ServiceNames names the services.
func (c *Config) ServiceNames() []string {
	return names(c.Services, func(s Service) string { return s.Name })
}

// Location returns the time zone of reports and schedules.
func (c *Config) Location() *time.Location { return c.Server.Timezone.Location() }

// String returns a summary without values of the configuration.
func (c *Config) String() string {
	return fmt.Sprintf("%s: %d services, %d checks, %d rule files, %d receivers, %d runbooks",
		c.File, len(c.Services), len(c.Checks), len(c.RuleFiles), len(c.Receivers), len(c.Runbooks))
}

// Format implements fmt.Formatter, so that no verb prints the contents.
func (c Config) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }

// LogValue implements slog.LogValuer.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalText implements encoding.TextMarshaler, and with it JSON and YAML.
func (c Config) MarshalText() ([]byte, error) { return []byte(c.String()), nil }
