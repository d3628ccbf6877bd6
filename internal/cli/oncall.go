package cli

import (
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"guardian/internal/reason"
	"guardian/internal/server"
	"guardian/internal/spelling"
)

// onCallAnswer is the answer of GET /api/v1/oncall.
type onCallAnswer struct {
	At        time.Time               `json:"at"`
	Schedules []server.OnCallSchedule `json:"schedules"`
}

func onCallCommand(s streams) *cobra.Command {
	var address, at, output string
	var days int
	c := &cobra.Command{
		Use:   "oncall [SCHEDULE...]",
		Short: "Show who is on call, and the next hand-over",
		Long: `Shows who is on call by each schedule, now or at another time, the next hand-over, and with
--days the shifts of the days after. Exits 1 when nobody is on call by one of them.`,
		Example: "  guardian oncall\n  guardian oncall orders --at 2026-02-17T03:00:00+08:00 --days 14",
		RunE: func(c *cobra.Command, schedules []string) error {
			if err := knownOutput(output); err != nil {
				return err
			}
			if days < 0 {
				return exit(exitUsage, "--days must not be less than 0")
			}
			q := url.Values{"days": {strconv.Itoa(max(days, 1))}}
			if at != "" {
				q.Set("at", at)
			}
			var answer onCallAnswer
			if _, err := newClient(address).get(c.Context(), "/api/v1/oncall?"+q.Encode(), &answer); err != nil {
				return exit(exitUsage, "%s", err)
			}
			if err := answer.keep(schedules); err != nil {
				return err
			}
			if output == "json" {
				if err := printJSON(s.out, answer); err != nil {
					return err
				}
			} else {
				answer.print(s.out, days > 0)
			}
			if slices.ContainsFunc(answer.Schedules, func(s server.OnCallSchedule) bool { return len(s.Now.People) == 0 }) {
				return exit(exitFailed, "")
			}
			return nil
		},
	}
	serverFlag(c, &address)
	c.Flags().StringVar(&at, "at", "", "another time than now (RFC 3339)")
	c.Flags().IntVar(&days, "days", 0, "list the shifts of so many days")
	outputFlag(c, &output)
	c.AddCommand(overrideCommand(s))
	return c
}

// keep keeps the schedules of these names; none: all.
func (a *onCallAnswer) keep(wanted []string) error {
	if len(wanted) == 0 {
		return nil
	}
	var kept []server.OnCallSchedule
	for _, name := range wanted {
		i := slices.IndexFunc(a.Schedules, func(s server.OnCallSchedule) bool { return s.Name == name })
		if i < 0 {
			known := names(a.Schedules, func(s server.OnCallSchedule) string { return s.Name })
			return exit(exitUsage, "there is no schedule %q; %s", name, spelling.Hint(name, known))
		}
		kept = append(kept, a.Schedules[i])
	}
	a.Schedules = kept
	return nil
}

func (a *onCallAnswer) print(w io.Writer, shifts bool) {
	if len(a.Schedules) == 0 {
		_, _ = fmt.Fprintln(w, "no schedule is configured")
	}
	for _, s := range a.Schedules {
		zone, err := time.LoadLocation(s.Timezone)
		if err != nil {
			zone = time.UTC
		}
		shown := func(t time.Time) string { return t.In(zone).Format("Mon 2006-01-02 15:04 MST") }
		_, _ = fmt.Fprintf(w, "%s: %s", s.Name, onCallPeople(s.Now))
		if !s.Now.To.IsZero() {
			_, _ = fmt.Fprintf(w, " until %s", shown(s.Now.To))
		}
		if s.Next != nil {
			_, _ = fmt.Fprintf(w, "; next hand-over %s to %s", shown(s.Next.From), onCallPeople(*s.Next))
		}
		_, _ = fmt.Fprintln(w)
		for _, p := range s.Problems {
			_, _ = fmt.Fprintf(w, "  warning: %s\n", reason.Reader{Location: zone}.Read(p))
		}
		for _, f := range s.Shifts {
			if shifts {
				_, _ = fmt.Fprintf(w, "  %s – %s  %s\n", shown(f.From), shown(f.To), onCallPeople(f))
			}
		}
	}
}

func onCallPeople(f server.OnCallShift) string {
	if len(f.People) == 0 {
		return "nobody"
	}
	text := strings.Join(names(f.People, func(p server.OnCallPerson) string { return p.FullName }), ", ")
	if f.Override {
		text += " (override)"
	}
	return text
}
