package traffic

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"guardian/actions"
	"guardian/internal/reason"
)

// load lets nginx test and load its configuration.
func (f *confFile) load(ctx context.Context) error {
	if err := f.run(ctx, f.s.Test); err != nil {
		return err
	}
	return f.reload(ctx)
}

// reload lets nginx load its configuration, and waits until new workers serve it.
func (f *confFile) reload(ctx context.Context) error {
	if f.s.PIDFile == "" {
		return f.run(ctx, f.s.Reload)
	}
	master, err := f.master()
	if err != nil {
		return err
	}
	before, err := workersOf(master)
	if err != nil {
		return f.noWorkers(err)
	}
	if len(f.s.Reload) > 0 {
		err = f.run(ctx, f.s.Reload)
	} else if e := syscall.Kill(master, syscall.SIGHUP); e != nil {
		err = actions.Failure(reason.New("traffic_nginx_signal", "pid", master, "error", e), e)
	}
	if err != nil {
		return err
	}
	return f.served(ctx, master, before)
}

// served waits until workers that were not there before serve, and all that were are shutting down: then
// no new connection meets the old configuration. A master that could not load it keeps its workers.
func (f *confFile) served(ctx context.Context, master int, before []worker) error {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(f.s.ReloadDeadline))
	defer cancel()
	const lookEvery = 20 * time.Millisecond
	for {
		now, err := workersOf(master)
		if err != nil {
			return f.noWorkers(err)
		}
		fresh, old := 0, 0
		for _, w := range now {
			was := slices.ContainsFunc(before, func(b worker) bool { return b.pid == w.pid && b.started == w.started })
			switch {
			case w.leaving:
			case was:
				old++
			default:
				fresh++
			}
		}
		if fresh > 0 && old == 0 {
			return nil
		}
		if !pause(ctx, lookEvery) {
			return actions.Failure(reason.New("traffic_nginx_old_workers", "workers", old, "long", time.Duration(f.s.ReloadDeadline)))
		}
	}
}

func (f *confFile) noWorkers(err error) error {
	return actions.Failure(reason.New("traffic_nginx_workers", "error", bare(err)), err)
}

// master gives the process ID of nginx's master.
func (f *confFile) master() (int, error) {
	no := func(err error) (int, error) {
		return 0, actions.Failure(reason.New("traffic_nginx_no_master", "file", f.s.PIDFile, "error", bare(err)), err)
	}
	b, err := readLimited(f.s.PIDFile)
	if err != nil {
		return no(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil || pid <= 1 {
		return no(errors.New("it holds no process ID"))
	}
	title, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return no(fmt.Errorf("process %d: %w", pid, bare(err)))
	}
	// A process ID that was given to another program since must not get a signal.
	if !bytes.HasPrefix(title, []byte("nginx: master process")) {
		return no(fmt.Errorf("process %d is no master of nginx", pid))
	}
	return pid, nil
}

// loaded tells whether nginx has loaded the file as it is: whether its workers began after it was
// written. The system tells when a process began to a second.
func (f *confFile) loaded() (bool, error) {
	if f.s.PIDFile == "" {
		return true, nil // nobody can tell
	}
	master, err := f.master()
	if err != nil {
		return false, err
	}
	all, err := workersOf(master)
	if err != nil {
		return false, f.noWorkers(err)
	}
	info, err := os.Stat(f.path())
	if err != nil {
		return false, actions.Failure(reason.New("traffic_file", "file", f.s.File, "error", bare(err)), err)
	}
	serving := slices.DeleteFunc(all, func(w worker) bool { return w.leaving })
	older := func(w worker) bool { return w.started.Before(info.ModTime().Add(-time.Second)) }
	return len(serving) > 0 && !slices.ContainsFunc(serving, older), nil
}

// worker is a process of nginx that answers requests.
type worker struct {
	pid     int
	started time.Time
	leaving bool // it answers what it has begun, and takes nothing new
}

// hertz is the unit of times in /proc/PID/stat: USER_HZ, which Linux shows as 100 everywhere.
const hertz = 100

// workersOf gives the workers of a master, by the titles that nginx gives its processes.
func workersOf(master int) ([]worker, error) {
	boot, err := bootTime()
	if err != nil {
		return nil, err
	}
	titles, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return nil, err
	}
	var all []worker
	for _, name := range titles {
		title, err := os.ReadFile(name)
		if err != nil || !bytes.HasPrefix(title, []byte("nginx: worker process")) {
			continue // it has ended, or is none
		}
		stat, err := os.ReadFile(filepath.Join(filepath.Dir(name), "stat"))
		if err != nil {
			continue
		}
		// The second field is the program's name in brackets, which may hold anything.
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if len(fields) < 20 || fields[1] != strconv.Itoa(master) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		if err != nil {
			continue
		}
		ticks, err := strconv.ParseInt(fields[19], 10, 64)
		if err != nil {
			return nil, err
		}
		started := boot.Add(time.Duration(ticks) * time.Second / hertz)
		all = append(all, worker{pid: pid, started: started, leaving: bytes.Contains(title, []byte("shutting down"))})
	}
	return all, nil
}

// bootTime is when the system was started.
func bootTime() (time.Time, error) {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return time.Time{}, err
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "btime "); ok {
			seconds, err := strconv.ParseInt(strings.TrimSpace(rest), 10, 64)
			return time.Unix(seconds, 0), err
		}
	}
	return time.Time{}, errors.New("/proc/stat does not tell when the system was started")
}
