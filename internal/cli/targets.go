package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"guardian/actions"
	"guardian/actions/kinds"
	"guardian/decide"
	"guardian/internal/config"
	"guardian/internal/history"
	"guardian/internal/secret"
	"guardian/internal/series"
	"guardian/watch"
)

// targetsTimeout bounds how long all targets are asked; each has less.
const targetsTimeout = time.Minute

// targetLine is what the target of one step said.
type targetLine struct {
	File        string `json:"file"`
	Runbook     string `json:"runbook"`
	Service     string `json:"service"`
	Environment string `json:"environment"`
	From        string `json:"from,omitempty"`
	To          string `json:"to,omitempty"`
	actions.TargetAnswer
}

type targetOptions struct {
	to       string
	redactor *secret.Redactor
	quiet    bool // no progress
}

// askTargets asks the targets of the runbooks of configurations, all at once. On a terminal it shows how
// many have answered.
func askTargets(ctx context.Context, progress io.Writer, all []*config.Config, o targetOptions) []targetLine {
	ctx, cancel := context.WithTimeout(ctx, targetsTimeout)
	defer cancel()
	asked := []targetLine{}
	for _, c := range all {
		a := newTargetAsker(ctx, c, o)
		p := targetProgress{w: progress, shown: !o.quiet && onTerminal(progress)}
		for _, j := range a.jobs {
			for range j.book.All() { // those of groups and fallbacks, too
				p.want++
			}
		}
		lines := make([][]targetLine, len(a.jobs))
		var asking sync.WaitGroup
		for i, j := range a.jobs {
			asking.Go(func() { lines[i] = a.ask(ctx, j, p.told) })
		}
		asking.Wait()
		p.end()
		for _, l := range lines {
			asked = append(asked, l...)
		}
		a.close()
	}
	return asked
}

// targetAsker asks the targets of one configuration.
type targetAsker struct {
	o       targetOptions
	c       *config.Config
	env     actions.Env
	decider decide.Decider // without a past where there is no journal
	jobs    []targetJob
	close   func()
}

// noLooks is series that nobody reads: that a version ran healthy without having passed is not known then.
type noLooks struct{}

// Looks implements history.Looks.
func (noLooks) Looks(context.Context, string, time.Time, time.Time) ([]series.Look, error) {
	return nil, nil
}

// targetJob is a runbook for one service.
type targetJob struct {
	book *actions.RunbookSettings
	svc  config.Service
	kind watch.Kind // "": what runs
}

func newTargetAsker(ctx context.Context, c *config.Config, o targetOptions) *targetAsker {
	a := &targetAsker{o: o, c: c, close: func() {}, env: actions.Env{
		Log: slog.New(slog.DiscardHandler), Redactor: o.redactor, Now: time.Now, UserAgent: "guardian/" + versionOf(),
	}}
	if journal, _ := openJournal(ctx, c); journal != nil {
		a.close = func() { _ = journal.Close() }
		a.env.Sightings = journal
		if settings, err := c.Decisions(); err == nil {
			a.decider = decide.Decider{Settings: settings, Past: history.New(history.Options{Journal: journal, Series: noLooks{}})}
		}
	}
	for i := range c.Runbooks {
		a.jobs = append(a.jobs, jobsOf(c, &c.Runbooks[i])...)
	}
	return a
}

// jobsOf gives a runbook once for each service that it is for: that which names it, or whose alerts start it;
// one that only people start, for the first of all.
func jobsOf(c *config.Config, b *actions.RunbookSettings) []targetJob {
	var jobs []targetJob
	for _, s := range c.Services {
		if s.Rollback == b.Name {
			jobs = append(jobs, targetJob{b, s, ""})
		}
		if s.Undo == b.Name {
			jobs = append(jobs, targetJob{b, s, watch.Operation})
		}
	}
	for _, o := range c.OnAlert {
		if s, ok := c.Service(o.Match["service"]); ok && o.Runbook == b.Name && len(jobs) == 0 {
			jobs = append(jobs, targetJob{b, *s, watch.Code})
		}
	}
	switch {
	case len(jobs) > 0:
		return jobs
	case len(c.Services) > 0:
		return []targetJob{{b, c.Services[0], watch.Code}}
	default:
		return []targetJob{{b, config.Service{}, watch.Code}}
	}
}

func (a *targetAsker) ask(ctx context.Context, j targetJob, told func(actions.TargetAnswer)) []targetLine {
	run := a.wouldRun(ctx, j)
	line := targetLine{File: a.c.File, Runbook: j.book.Name, Service: j.svc.Name, Environment: j.svc.Environment, From: run.From, To: run.To}
	book, err := actions.NewRunbook(*j.book, kinds.Builtin(), a.env)
	if err != nil {
		line.State, line.Why = actions.TargetWrong, actions.ReasonOf(err)
		return []targetLine{line}
	}
	var lines []targetLine
	for _, answer := range book.AskTargets(ctx, run, a.o.redactor, told) {
		line.TargetAnswer = answer
		lines = append(lines, line)
	}
	return lines
}

// wouldRun gives the run that a person would get now.
func (a *targetAsker) wouldRun(ctx context.Context, j targetJob) actions.Run {
	run := actions.Run{
		Runbook: j.book.Name, Service: j.svc.Name, Environment: j.svc.Environment, Kind: string(j.kind), To: a.o.to, Created: time.Now(),
		Trigger: actions.Trigger{Kind: actions.ByPerson, Person: "check"},
	}
	if run.Rollback = j.kind == ""; j.kind == watch.Operation {
		run.To = ""
	}
	if run.Rollback && run.To == "" && len(j.svc.KnownGood) > 0 {
		run.To = j.svc.KnownGood[0]
	}
	if a.decider.Past == nil || j.kind == watch.Code {
		return run
	}
	dry, err := a.decider.DryRun(ctx, decide.PersonRequest{
		Service: j.svc.Name, Environment: j.svc.Environment, Kind: j.kind, To: a.o.to, Person: "check", Reason: "guardian check --targets",
	}, decide.Present{}, time.Now())
	if err == nil {
		run.From, run.To, run.Kind, run.Trigger.Deploy = dry.ByPerson.From, dry.ByPerson.To, dry.ByPerson.Kind, dry.ByPerson.Trigger.Deploy
		run.Irreversible = dry.ByPerson.Irreversible
	}
	return run
}

// printTargets prints a line for each target, under its runbook.
func printTargets(w io.Writer, all []targetLine) {
	var last string
	counts := map[actions.TargetState]int{}
	for _, l := range all {
		counts[l.State]++
		if head := fmt.Sprintf("%s: runbook %s (%s, %s → %s)", l.File, l.Runbook, orUnknown(l.Service), orUnknown(l.From), orUnknown(l.To)); head != last {
			last = head
			_, _ = fmt.Fprintln(w, head)
		}
		said := l.Plan.String()
		if !l.Why.IsZero() {
			said = strings.TrimSuffix(l.Why.String()+"\n"+said, "\n")
		}
		_, _ = fmt.Fprintf(w, "  %-7s  %s (%s): %s\n", l.State, l.Step, l.Kind, strings.ReplaceAll(strings.TrimSpace(said), "\n", "\n           "))
	}
	_, _ = fmt.Fprintf(w, "%s: %d ok, %d wrong, %d not asked; nothing was changed\n",
		counted(len(all), "target"), counts[actions.TargetOK], counts[actions.TargetWrong], counts[actions.TargetUnasked])
}

// wrongTargets gives the exit code.
func wrongTargets(all []targetLine) error {
	wrong := 0
	for _, l := range all {
		if l.State == actions.TargetWrong {
			wrong++
		}
	}
	if wrong > 0 {
		return exit(exitFailed, "%s wrong", counted(wrong, "target"))
	}
	return nil
}

// targetProgress shows in one line how many targets have answered.
type targetProgress struct {
	w     io.Writer
	shown bool

	mu         sync.Mutex
	done, want int
}

func (p *targetProgress) told(a actions.TargetAnswer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done++
	if p.shown {
		_, _ = fmt.Fprintf(p.w, "\r\033[Kasked %d of %d targets: %s (%s)", p.done, p.want, a.Step, a.Kind)
	}
}

func (p *targetProgress) end() {
	if p.shown {
		_, _ = fmt.Fprint(p.w, "\r\033[K")
	}
}

func onTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && isTerminal(f)
}
