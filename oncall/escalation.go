package oncall

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/common/model"

	"guardian/internal/spelling"
	"guardian/notifiers/route"
)

// Escalation is a configured list of steps that are taken, one after the other, while nobody
// acknowledges an alert.
type Escalation struct {
	Name     string   `yaml:"name" required:"true" doc:"The escalation's name on pages and in notices."`
	Matchers []string `yaml:"matchers" required:"true" doc:"Alerts that are escalated: matchers as in routes, such as tier=\"critical\". The first escalation that matches an alert is its own."`
	Steps    []Step   `yaml:"steps" required:"true" doc:"Who is notified, in this order, until somebody acknowledges the alert."`
	Repeat   int      `yaml:"repeat" doc:"How many times all steps are taken again when nobody acknowledged the alert; at most 9."`
}

// Step is one step of an escalation.
type Step struct {
	Schedule  string         `yaml:"schedule" doc:"Notify who is on call by this schedule."`
	Person    string         `yaml:"person" doc:"Notify this person."`
	Receivers []string       `yaml:"receivers" doc:"Notify through these receivers, which mention the people of this step; default: the people's own receivers."`
	Wait      model.Duration `yaml:"wait" doc:"How long to wait for an acknowledgement before the next step; default: 10m. A step that reaches nobody is not waited for."`
}

// defaultWait is how long a step waits for an acknowledgement.
const defaultWait = 10 * time.Minute

// Waits returns how long the step waits for an acknowledgement.
func (s Step) Waits() time.Duration {
	if s.Wait == 0 {
		return defaultWait
	}
	return time.Duration(s.Wait)
}

// Policy is a validated escalation. It is immutable.
type Policy struct {
	Name     string
	Steps    []Step
	Rounds   int // how many times all steps are taken, at least 1
	matchers route.Matchers
}

// Matches reports whether an alert with these labels is escalated by the policy.
func (p Policy) Matches(labels map[string]string) bool { return p.matchers.Match(labels) }

// maxRepeat bounds how often a person is woken for one alert.
const maxRepeat = 9

// NewPolicy builds an escalation. Its error joins all mistakes, each with its path. receivers
// are the names of all configured receivers.
func NewPolicy(e Escalation, r *Roster, receivers []string) (Policy, error) {
	p := Policy{Name: e.Name, Steps: e.Steps, Rounds: e.Repeat + 1}
	var errs []error
	if len(e.Matchers) == 0 {
		errs = append(errs, errors.New(`matchers is empty: write tier="critical", or {} for every alert`))
	}
	for i, text := range e.Matchers {
		ms, err := route.ParseMatchers(text)
		p.matchers = append(p.matchers, ms...)
		errs = append(errs, atKey(fmt.Sprintf("matchers[%d]", i), err))
	}
	if e.Repeat < 0 || e.Repeat > maxRepeat {
		errs = append(errs, fmt.Errorf("repeat must be between 0 and %d", maxRepeat))
	}
	if len(e.Steps) == 0 {
		errs = append(errs, errors.New("steps is empty"))
	}
	for i, s := range e.Steps {
		errs = append(errs, atKey(fmt.Sprintf("steps[%d]", i), s.check(r, receivers)))
	}
	return p, errors.Join(errs...)
}

func (s Step) check(r *Roster, receivers []string) error {
	var errs []error
	if s.Schedule == "" && s.Person == "" && len(s.Receivers) == 0 {
		errs = append(errs, errors.New("notifies nobody: set schedule, person or receivers"))
	}
	if s.Wait < 0 || s.Waits() < 10*time.Second {
		errs = append(errs, errors.New("wait must be at least 10s"))
	}
	for i, name := range s.Receivers {
		errs = append(errs, atKey(fmt.Sprintf("receivers[%d]", i), knownReceiver(name, receivers)))
	}
	if s.Schedule != "" {
		schedule, ok := r.Schedule(s.Schedule)
		if !ok {
			return errors.Join(append(errs, fmt.Errorf("schedule: there is no schedule %q; %s", s.Schedule, spelling.Hint(s.Schedule, r.names())))...)
		}
		for _, name := range schedule.Members() {
			errs = append(errs, atKey("schedule", s.reaches(r, name)))
		}
	}
	if s.Person != "" {
		errs = append(errs, atKey("person", errors.Join(known(s.Person, r.People), s.reaches(r, s.Person))))
	}
	return errors.Join(errs...)
}

// reaches finds people of a step whom none of its receivers and none of their own reach.
func (s Step) reaches(r *Roster, name string) error {
	if p, ok := r.Person(name); ok && len(s.Receivers) == 0 && len(p.Receivers) == 0 {
		return fmt.Errorf("%s has no receivers: set receivers in this step, or those of the person", name)
	}
	return nil
}

func knownReceiver(name string, receivers []string) error {
	if slices.Contains(receivers, name) {
		return nil
	}
	return fmt.Errorf("receiver %q is not configured; %s", name, spelling.Hint(name, receivers))
}
