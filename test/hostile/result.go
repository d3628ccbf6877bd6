package hostile

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"guardian/test/hostile/answers"
)

// Result is what came of the attacks.
type Result struct {
	Phases  []Phase
	Writes  answers.Writer
	Series  float64  // that could be written
	Told    []string // what people were told of it
	Queries []asked
	Idle    int     // connections that were taken
	Beside  []asked // queries beside those connections
	Memory  int64   // the most that the process ever had, in bytes
}

// Phase is how the guardian worked during one attack.
type Phase struct {
	Name    string
	Waits   []time.Duration // from when a check went down to when people were told, sorted
	Verdict string          // on the bad deploy
	Judged  time.Duration   // how long it took
	Skipped float64         // looks
	Memory  int64           // the most, in bytes
	Cores   float64
}

func (p Phase) wait(share float64) time.Duration {
	return p.Waits[min(int(share*float64(len(p.Waits))), len(p.Waits)-1)]
}

// Table is what was measured, as it is in docs/operations.md.
func (r *Result) Table() string {
	var b strings.Builder
	b.WriteString("| during | told of a check that is down: median, p99, most | bad deploy | looks skipped | memory | cores |\n|---|---|---|---|---|---|\n")
	for _, p := range r.Phases {
		fmt.Fprintf(&b, "| %s | %.1f s, %.1f s, %.1f s | %s after %.1f s | %.0f | %d MiB | %.2f |\n",
			p.Name, p.wait(0.5).Seconds(), p.wait(0.99).Seconds(), p.wait(1).Seconds(), p.Verdict, p.Judged.Seconds(), p.Skipped, p.Memory>>20, p.Cores)
	}
	var writes []string
	for _, status := range slices.Sorted(maps.Keys(r.Writes.Statuses)) {
		writes = append(writes, fmt.Sprintf("%d: %d", status, r.Writes.Statuses[status]))
	}
	fmt.Fprintf(&b, "\nwriter: %.0f places of series taken; answers %s; people were told %d times; it was told %.300s\n\n%s\nbeside %d idle connections:\n%s\nmost memory: %d MiB\n",
		r.Series, strings.Join(writes, ", "), len(r.Told), r.Writes.Refusal, summary(r.Queries), r.Idle, summary(r.Beside), r.Memory>>20)
	return b.String()
}

// Wrong lists what must not be, on a machine of any speed.
func (r *Result) Wrong() (wrong []string) {
	for _, p := range r.Phases {
		if p.Verdict != "failed" {
			wrong = append(wrong, fmt.Sprintf("%s: the verdict on the bad deploy is %s", p.Name, p.Verdict))
		}
	}
	if text := r.Writes.Refusal; !strings.Contains(text, "ext_") || !strings.Contains(text, "too many series") {
		wrong = append(wrong, fmt.Sprintf("the writer is not refused clearly: %v", r.Writes))
	}
	if text := r.Writes.Slowed; !strings.Contains(text, "what this sender wrote last was refused") {
		wrong = append(wrong, fmt.Sprintf("the writer is not slowed: %v", r.Writes))
	}
	for _, one := range slices.Concat(r.Queries, r.Beside) {
		switch one.status {
		case http.StatusOK, http.StatusUnprocessableEntity, http.StatusServiceUnavailable, http.StatusBadRequest:
		default:
			wrong = append(wrong, fmt.Sprintf("a query (%s) was answered %d after %s", one.kind, one.status, one.took))
		}
	}
	if len(r.Queries) == 0 || len(r.Beside) == 0 {
		wrong = append(wrong, "no query was answered: this proves nothing")
	}
	return wrong
}

// Goals are what must be reached on a machine that has nothing else to do.
type Goals struct {
	Told   time.Duration // from when a check goes down to when people are told
	Query  time.Duration // until a query is answered or refused
	Memory int64         // bytes
}

// Missed lists the goals that were missed. No look may be skipped, and people are told of the writer once.
func (r *Result) Missed(g Goals) (wrong []string) {
	for _, p := range r.Phases {
		if p.Skipped > 0 {
			wrong = append(wrong, fmt.Sprintf("%s: %.0f looks were skipped", p.Name, p.Skipped))
		}
		if most := p.wait(1); most > g.Told {
			wrong = append(wrong, fmt.Sprintf("%s: told after %s", p.Name, most))
		}
	}
	for _, one := range slices.Concat(r.Queries, r.Beside) {
		if one.took > g.Query {
			wrong = append(wrong, fmt.Sprintf("a query (%s) took %s", one.kind, one.took))
		}
	}
	if r.Memory > g.Memory {
		wrong = append(wrong, fmt.Sprintf("%d MiB of memory", r.Memory>>20))
	}
	if len(r.Told) != 1 || !strings.Contains(r.Told[0], "remote_write") || !strings.Contains(r.Told[0], "ext_") {
		wrong = append(wrong, fmt.Sprintf("people were told of the writer %d times: %.500q", len(r.Told), r.Told))
	}
	return wrong
}

func (a *attack) metrics() string {
	resp, err := http.Get(a.g.URL + "/metrics")
	if err != nil {
		a.tb.Error(err)
		return ""
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		a.tb.Error(err)
	}
	return string(text)
}

// metric reads a metric by its line's begin.
func (a *attack) metric(name string) float64 {
	for line := range strings.Lines(a.metrics()) {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			v, err := strconv.ParseFloat(strings.TrimSpace(rest), 64)
			if err == nil {
				return v
			}
		}
	}
	return 0
}

// sum adds a metric up over its labels.
func (a *attack) sum(name string) (total float64) {
	for line := range strings.Lines(a.metrics()) {
		if strings.HasPrefix(line, name+"{") {
			if v, err := strconv.ParseFloat(strings.TrimSpace(line[strings.LastIndexByte(line, ' ')+1:]), 64); err == nil {
				total += v
			}
		}
	}
	return total
}
