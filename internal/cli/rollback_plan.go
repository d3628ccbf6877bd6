package cli

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// planAnswer is the part of the API's plan of a rollback that the command reads.
type planAnswer struct {
	Service     string        `json:"service"`
	Environment string        `json:"environment"`
	Runbook     string        `json:"runbook"`
	From        string        `json:"from"`
	To          string        `json:"to"`
	Undo        bool          `json:"undo"`
	State       string        `json:"state"`
	Reason      string        `json:"reason"`
	Refusals    []planRefusal `json:"refusals"`
	Automatic   struct {
		Mode     string        `json:"mode"`
		State    string        `json:"state"`
		Reason   string        `json:"reason"`
		Refusals []planRefusal `json:"refusals"`
	} `json:"automatic"`
	Loses []struct {
		Version, Proof string
		Since          time.Time
	} `json:"loses"`
	LosesMore bool `json:"loses_more"`
	Steps     []struct {
		Name, Kind, Timeout, Problem, Plan, Refused, Group, Skipped string

		Idempotent, Fallback bool
		Settings             []struct{ Key, Value string }
	} `json:"steps"`
	MustRecover []string `json:"must_recover"`
}

type planRefusal struct{ Code, Detail string }

func (p planAnswer) refused() bool { return p.State == "refused" }

func (p planAnswer) print(w io.Writer) {
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format+"\n", args...) }
	what := orUnknown(p.From) + " → " + orUnknown(p.To)
	if p.Undo {
		what = "undo " + orUnknown(p.From)
	}
	say("%s (%s): %s by runbook %s", p.Service, p.Environment, what, p.Runbook)
	say("  if a person asks:        %s%s", began(p.State), p.failing(p.State))
	p.guards(say, p.Refusals)
	if p.Automatic.Mode == "observe" {
		say("  after a failed verdict:  nothing is started, watches are in mode observe; else it %s%s", began(p.Automatic.State), p.failing(p.Automatic.State))
	} else {
		say("  after a failed verdict:  %s%s (mode %s)", began(p.Automatic.State), p.failing(p.Automatic.State), p.Automatic.Mode)
	}
	p.guards(say, p.Automatic.Refusals)
	for i, v := range p.Loses {
		note := []string{}
		if i == 0 && v.Proof == "" {
			note = append(note, "runs now")
		} else if v.Proof != "" {
			note = append(note, v.Proof)
		}
		if !v.Since.IsZero() {
			note = append(note, "since "+v.Since.UTC().Format("2006-01-02 15:04 UTC"))
		}
		say("  would be lost: %s (%s)", v.Version, strings.Join(note, ", "))
	}
	if p.LosesMore {
		say("  would be lost: whatever else was deployed after %s", p.To)
	}
	for i, st := range p.Steps {
		more := ""
		if st.Idempotent {
			more = ", idempotent"
		}
		if st.Group != "" {
			more += ", in parallel: " + st.Group
		}
		if st.Fallback {
			more += ", only after another step failed"
		}
		if st.Skipped != "" {
			say("  step %d: %s: skipped, %s", i+1, st.Name, st.Skipped)
			continue
		}
		say("  step %d: %s (%s, timeout %s%s)", i+1, st.Name, st.Kind, st.Timeout, more)
		for _, v := range st.Settings {
			say("    %s: %s", v.Key, strings.ReplaceAll(strings.TrimSpace(v.Value), "\n", "\n      "))
		}
		if st.Problem != "" {
			say("    problem: %s", st.Problem)
		}
		if st.Plan != "" {
			say("    now: %s", st.Plan)
		}
		if st.Refused != "" {
			say("    would be refused: %s", st.Refused)
		}
	}
	if len(p.MustRecover) > 0 {
		say("  afterwards must be up: %s", strings.Join(p.MustRecover, ", "))
	}
	if p.To == "" && !p.Undo {
		say("  name the version to go back to with --to VERSION to see its steps")
	}
	say("Nothing was done.")
}

func (planAnswer) guards(say func(string, ...any), all []planRefusal) {
	if len(all) == 0 {
		say("    no guard is against it")
	}
	for _, r := range all {
		say("    %s: %s", r.Code, r.Detail)
	}
}

// broken gives the number of the first step of which a template cannot be filled in, or that would refuse;
// 0: none.
func (p planAnswer) broken() int {
	for i, st := range p.Steps {
		if !st.Fallback && st.Skipped == "" && (st.Problem != "" || st.Refused != "") {
			return i + 1
		}
	}
	return 0
}

// failing says at which step a run that begins would fail.
func (p planAnswer) failing(state string) string {
	if n := p.broken(); n > 0 && state != "refused" {
		return fmt.Sprintf(", and fail at step %d", n)
	}
	return ""
}

// began says how a run would begin.
func began(state string) string {
	switch state {
	case "refused":
		return "would be refused"
	case "awaiting_approval":
		return "would wait for a person's approval"
	case "waiting":
		return "would wait for another run"
	default:
		return "would start"
	}
}

func orUnknown(version string) string {
	if version == "" {
		return "?"
	}
	return version
}
