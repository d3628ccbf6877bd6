package series_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"guardian/internal/series"
	"guardian/probes/sample"
)

const childDir = "GUARDIAN_TEST_SERIES_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		child(dir)
		return
	}
	m.Run()
}

// child appends a look a minute as fast as it can and says each that was accepted, until it
// is killed.
func child(dir string) {
	db, err := series.Open(series.Options{Dir: dir})
	if err != nil {
		panic(err)
	}
	for i := 0; ; i++ {
		if _, err := db.AppendSample(look(sample.Up, after(time.Duration(i)*time.Second))); err != nil {
			panic(err)
		}
		fmt.Println(i)
	}
}

func TestKilledAtAnyMomentNothingAcceptedIsLost(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	last := -1
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if last, err = strconv.Atoi(lines.Text()); err != nil {
			t.Fatal(err)
		}
		if last == 1500 {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = cmd.Wait()
	if last < 1500 {
		t.Fatalf("the child stopped by itself after %d", last)
	}
	db := open(t, series.Options{Dir: dir})
	at := after(time.Duration(last) * time.Second)
	got := ask(t, db, fmt.Sprintf("sum(count_over_time(probe_success[%ds]))", last+1), at)
	if want := fmt.Sprintf("{} %d", last+1); got != want {
		t.Errorf("after kill -9 there are %q samples up to the last accepted one, want %q", got, want)
	}
	put(t, db, look(sample.Down, at.Add(time.Minute)))
	if got := ask(t, db, "sum(probe_success)", at.Add(time.Minute)); got != "{} 0" {
		t.Errorf("and then: %q, want the new look", got)
	}
}

// TestReferencesThatTheStorageDroppedAreFoundAnew lets the storage write its head out, so
// that the references that were cached for a check that was silent for hours are void.
func TestReferencesThatTheStorageDroppedAreFoundAnew(t *testing.T) {
	reg := prometheus.NewRegistry()
	db := open(t, series.Options{Registerer: reg})
	put(t, db, look(sample.Up, epoch))
	other := look(sample.Up, epoch)
	other.Check = "other"
	for h := range 8 {
		other.At = after(time.Duration(h)*time.Hour + time.Minute)
		put(t, db, other)
	}
	patience, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for gauge(t, reg, "guardian_series_active") > 5 {
		if patience.Err() != nil {
			t.Fatalf("the storage still has %g series in memory, want the silent check's to be gone", gauge(t, reg, "guardian_series_active"))
		}
		time.Sleep(20 * time.Millisecond)
		other.At = other.At.Add(time.Minute) // the storage looks at its age when it takes a sample
		put(t, db, other)
	}
	now := other.At.Add(time.Minute)
	put(t, db, look(sample.Down, now))
	if got := ask(t, db, `sum by (check, shop) (probe_success{check="push"})`, now); got != `{check="push", shop="sg-1"} 0` {
		t.Errorf("after its references were void: %q, want the look with all labels", got)
	}
	put(t, db, look(sample.Unknown, now.Add(time.Minute)))
	if got := ask(t, db, `{check="push",__name__!="probe_unknown"}`, now.Add(time.Minute)); got != "" {
		t.Errorf("an unknown look left\n%s", got)
	}
	if got := ask(t, db, `count({check="push"})`, epoch); got != "{} 5" {
		t.Errorf("the first look, hours ago: %q series, want 5", got)
	}
}

func gauge(t *testing.T, reg *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}
