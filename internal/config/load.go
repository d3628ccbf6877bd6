package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"

	"go.yaml.in/yaml/v3"

	"guardian/actions"
	"guardian/actions/kinds"
	"guardian/internal/secret"
	"guardian/notifiers"
	"guardian/probes"
	"guardian/rules"
)

// maxFile bounds a configuration or rule file, in bytes.
const maxFile = 8 << 20

// Options are what Load takes from the process. The zero value works.
type Options struct {
	// Probes, Actions and Notifiers are the kinds of checks, steps and receivers; nil: those
	// of Builtin() of the package.
	Probes    map[string]probes.Kind
	Actions   map[string]actions.Kind
	Notifiers map[string]notifiers.Kind
	// LookupEnv reads an environment variable; nil: os.LookupEnv.
	LookupEnv func(name string) (string, bool)
	// LookPrograms looks whether the programs of runbooks can be run on this machine.
	LookPrograms bool
	// Redactor learns every secret of the configuration; nil: Load uses one of its own, so
	// that no mistake prints a secret.
	Redactor *secret.Redactor
}

func (o Options) withDefaults() Options {
	if o.Probes == nil {
		o.Probes = probes.Builtin()
	}
	if o.Actions == nil {
		o.Actions = kinds.Builtin()
	}
	if o.Notifiers == nil {
		o.Notifiers = notifiers.Builtin()
	}
	if o.LookupEnv == nil {
		o.LookupEnv = os.LookupEnv
	}
	if o.Redactor == nil {
		o.Redactor = &secret.Redactor{}
	}
	return o
}

// Load reads, decodes and validates a configuration and the files it names. The error is of
// type Mistakes and holds no secret.
func Load(path string, o Options) (*Config, error) {
	d := newDecoder(path, o.withDefaults())
	content, ok := d.read()
	if !ok {
		return nil, d.result()
	}
	c := d.config(content)
	if err := d.result(); err != nil {
		return nil, err
	}
	return c, nil
}

// LoadFiles validates several configurations or rule files. A file with a top-level list
// "groups" is a rule file; whether the metrics it reads exist is only known for a
// configuration that names it. The error is of type Mistakes.
func LoadFiles(paths []string, o Options) (found Findings, err error) {
	o = o.withDefaults()
	var all Mistakes
	for _, path := range paths {
		d := newDecoder(path, o)
		if content, ok := d.read(); ok {
			if rules.IsRuleFile(content) {
				d.ruleFiles([]RuleFile{{Name: path, Content: content}}, &Config{}, nil)
			} else if c := d.config(content); c != nil {
				found.Warnings, found.Notes = append(found.Warnings, c.Warnings...), append(found.Notes, c.Notes...)
				found.Configs = append(found.Configs, c)
			}
		}
		var mistakes Mistakes
		if errors.As(d.result(), &mistakes) {
			all = append(all, mistakes...)
		}
	}
	if len(all) > 0 {
		return found, all.sorted()
	}
	return found, nil
}

// Findings is what is to be said of files beside their mistakes, as Config.Warnings and Config.Notes.
type Findings struct {
	Warnings Mistakes
	Notes    []string
	Configs  []*Config // those without a mistake, and others
}

func newDecoder(path string, o Options) *decoder {
	folder := filepath.Dir(path)
	if abs, err := filepath.Abs(folder); err == nil {
		folder = abs
	}
	return &decoder{
		file:     path,
		options:  o,
		kinds:    kindsOf(o),
		source:   source{lookupEnv: o.LookupEnv, folder: folder},
		redactor: o.Redactor,
		meant:    map[string]bool{},
		inside:   map[*yaml.Node]bool{},
	}
}

func (d *decoder) read() ([]byte, bool) {
	content, err := readFile(d.file, maxFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		d.add(nil, "", "there is no such file", "name one that is there, or write a first one with guardian init")
	case err != nil:
		d.add(nil, "", err.Error(), "")
	}
	return content, err == nil
}

// config decodes and validates a configuration file.
func (d *decoder) config(content []byte) *Config {
	root := d.parse(content)
	if root == nil {
		return nil
	}
	v := fresh(reflect.TypeFor[Config]())
	d.decode(root, v, "", field{})
	c, _ := v.Interface().(*Config)
	c.File = d.file
	d.fill(c)
	d.check(c)
	if len(d.mistakes) == 0 {
		d.foresee(c)
		d.keepPlaces(c)
		c.Warnings = d.warnings.sorted()
		for i := range c.Warnings {
			d.redact(&c.Warnings[i])
		}
	}
	return c
}

// result returns the mistakes, sorted and without secrets, or nil.
func (d *decoder) result() error {
	if len(d.mistakes) == 0 {
		return nil
	}
	for i := range d.mistakes {
		d.redact(&d.mistakes[i])
	}
	return d.mistakes.sorted()
}

// redact takes the secrets out of a message.
func (d *decoder) redact(m *Mistake) {
	m.Path, m.Problem, m.Hint = d.redactor.Redact(m.Path), d.redactor.Redact(m.Problem), d.redactor.Redact(m.Hint)
}

// fill sets what follows from other keys: defaults of checks, absolute paths, addresses.
func (d *decoder) fill(c *Config) {
	c.Storage.Path = d.absolute(c.Storage.Path)
	scheme := "http://"
	if c.Server.TLS != nil {
		scheme = "https://"
	}
	if c.Server.AdvertiseURL == "" {
		c.Server.AdvertiseURL = scheme + c.Server.Listen
	}
	c.Server.ExternalURLSet = c.Server.ExternalURL != ""
	if !c.Server.ExternalURLSet {
		c.Server.ExternalURL = c.Server.AdvertiseURL
	}
	_, allSet := d.find("defaults.failure_rate")
	for i := range c.Checks {
		d.zeros(&c.Checks[i], at("checks", i))
		_, set := d.find(at("checks", i) + ".failure_rate")
		c.Checks[i].FailureRateSet = set || allSet
		d.measures(&c.Checks[i], at("checks", i))
		kind, ok := d.options.Probes[c.Checks[i].Kind]
		c.Checks[i].fill(c.Defaults, func(c *Check) bool { return ok && kind.MayRepeat(c.Settings) && len(c.Uses()) == 0 })
	}
	d.addDrift(c)
	for i := range c.Receivers {
		r := &c.Receivers[i]
		if p, ok := c.personOf(r.Name); ok && r.Language == "" {
			r.Language = p.Language
		}
		if r.Language == "" {
			r.Language = c.Server.Language
		}
	}
}

// measures finds what contradicts that a check only measures.
func (d *decoder) measures(c *Check, path string) {
	if !c.Measure {
		return
	}
	for key, contradicts := range map[string]bool{
		"watch": c.Watch, "counts_for_sla": c.CountsForSLA, "control": c.Control, c.Kind + ".up_if": true,
	} {
		if _, written := d.find(path + "." + key); written && contradicts {
			d.blame(path+"."+key, "contradicts measure: true", "leave one of them out")
		}
	}
}

// zeros finds explicit zeros before defaults replace them: "failure_rate: 0%" must not become
// the default.
func (d *decoder) zeros(c *Check, path string) {
	for key, zero := range map[string]bool{
		"every": c.Every == 0, "timeout": c.Timeout == 0, "failure_rate": c.FailureRate == 0, "blind_after": c.BlindAfter == 0,
	} {
		if _, written := d.find(path + "." + key); zero && written {
			d.blame(path+"."+key, "must be more than zero", "leave it out for the default")
		}
	}
}

func (d *decoder) absolute(path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(d.source.folder, path)
}
