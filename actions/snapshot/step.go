package snapshot

import (
	"context"
	"fmt"
	"os"
	"path"
	"time"

	"guardian/actions"
	"guardian/internal/checksum"
	"guardian/internal/reason"
)

// Do takes the snapshot, or puts it back.
func (s *step) Do(ctx context.Context, call actions.Call) (string, error) {
	out, err := s.do(ctx, call)
	return out, s.redact(err)
}

func (s *step) redact(err error) error { return actions.RedactError(err, s.env.Redactor, &s.local) }

func (s *step) do(ctx context.Context, call actions.Call) (string, error) {
	name, err := s.name(call)
	if err != nil {
		return "", err
	}
	if s.s.Take != nil {
		return s.take(ctx, call, name)
	}
	about, err := s.fit(ctx, name)
	if err == nil && about.compared != nil {
		err = actions.Failure(reason.New("snapshot_sum", "file", name, "error", about.compared))
	}
	if err != nil {
		return "", err
	}
	out, err := s.command.Do(ctx, call)
	return fmt.Sprintf("%s, %d bytes, of %s\n%s", name, about.size, about.at.UTC().Format(time.RFC3339), out), err
}

// name fills the file's name in.
func (s *step) name(call actions.Call) (string, error) {
	data, err := call.Data()
	if err != nil {
		return "", err
	}
	name, err := s.file.Render(data)
	if err != nil {
		return "", err
	}
	if path.Clean(name) != name {
		return "", actions.Failure(reason.New("snapshot_path", "file", name))
	}
	return name, nil
}

// take runs the command, and then writes the checksum of what it wrote.
func (s *step) take(ctx context.Context, call actions.Call, name string) (string, error) {
	before, _ := os.Stat(name)
	out, err := s.command.Do(ctx, call)
	if err != nil {
		return out, err
	}
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return out, actions.Failure(reason.New("snapshot_not_written", "file", name, "error", checksum.Bare(err)))
	case before != nil && os.SameFile(before, info) && before.ModTime().Equal(info.ModTime()):
		return out, actions.Failure(reason.New("snapshot_unchanged", "file", name))
	case info.Size() < s.s.MinSize:
		return out, actions.Failure(reason.New("snapshot_small", "file", name, "size", info.Size(), "want", s.s.MinSize))
	}
	sum, err := checksum.Of(ctx, name)
	if err == nil {
		err = checksum.Write(name, sum, call.Intent)
	}
	if err != nil {
		return out, actions.Failure(reason.New("snapshot_sum", "file", name, "error", err), err)
	}
	return fmt.Sprintf("%s%s  %s, %d bytes\n", out, sum, name, info.Size()), nil
}

// about is what is known of a snapshot.
type about struct {
	at       time.Time
	size     int64
	compared error // why it could not be compared with its checksum
}

// fit looks at a snapshot that is to be put back: the error is why it must not be.
func (s *step) fit(ctx context.Context, name string) (about, error) {
	info, err := os.Stat(name)
	if err != nil {
		return about{}, actions.Failure(reason.New("snapshot_none", "file", name, "error", checksum.Bare(err)))
	}
	a := about{at: info.ModTime(), size: info.Size()}
	age := s.env.Now().Sub(a.at)
	switch {
	case age > time.Duration(s.s.MaxAge):
		return a, actions.Failure(reason.New("snapshot_old", "file", name, "age", age.Round(time.Second), "want", time.Duration(s.s.MaxAge)))
	case a.size < s.s.MinSize:
		return a, actions.Failure(reason.New("snapshot_small", "file", name, "size", a.size, "want", s.s.MinSize))
	}
	want, _, err := checksum.Read(name)
	if err != nil {
		return a, actions.Failure(reason.New("snapshot_sum", "file", name+checksum.Suffix, "error", err))
	}
	got, err := checksum.Of(ctx, name)
	switch {
	case err != nil:
		a.compared = err
	case got != want:
		return a, actions.Failure(reason.New("snapshot_damaged", "file", name))
	}
	if !s.s.AcceptLoss {
		return a, actions.Failure(reason.New("snapshot_would_lose", "file", name, "age", age.Round(time.Second)))
	}
	return a, nil
}

// Status tells of take by its sidecar, which names the intent, and otherwise what the command's
// status_command says.
func (s *step) Status(ctx context.Context, call actions.Call) (actions.Outcome, reason.Reason, error) {
	if s.s.Take != nil {
		name, err := s.name(call)
		if err != nil {
			return actions.Unclear, reason.Reason{}, s.redact(err)
		}
		if sum, intent, err := checksum.Read(name); err == nil && intent == call.Intent {
			got, err := checksum.Of(ctx, name)
			if err != nil {
				return actions.Unclear, reason.Reason{}, s.redact(actions.Failure(reason.New("snapshot_sum", "file", name, "error", err), err))
			}
			if got == sum {
				return actions.Happened, reason.New("snapshot_taken", "file", name), nil
			}
		}
	}
	return s.command.Status(ctx, call)
}

// Plan implements actions.Planner: which file is written or put back, and what is lost by that.
func (s *step) Plan(ctx context.Context, call actions.Call) (reason.Reason, error) {
	plan, err := s.plan(ctx, call)
	return plan.Redact(func(text string) string { return actions.Shown(text, s.env.Redactor, &s.local) }), s.redact(err)
}

func (s *step) plan(ctx context.Context, call actions.Call) (reason.Reason, error) {
	name, err := s.name(call)
	if err != nil {
		return reason.Reason{}, err
	}
	if s.s.Take != nil {
		plan := reason.New("snapshot_plan_take", "file", name)
		if info, err := os.Stat(name); err == nil {
			plan = reason.Join(plan, reason.New("snapshot_plan_replaces", "at", info.ModTime()))
		}
		return plan, nil
	}
	a, err := s.fit(ctx, name)
	if a.at.IsZero() {
		return reason.Reason{}, err
	}
	age := s.env.Now().Sub(a.at).Round(time.Second)
	plan := reason.New("snapshot_plan_restore", "file", name, "size", a.size, "at", a.at, "age", age)
	if a.compared != nil {
		plan = reason.Join(plan, reason.New("snapshot_plan_not_compared"))
	}
	return plan, err
}
