// Command mortal is `guardian serve` that kills itself at a point of a run: the file "die" beside its
// configuration says at which. "record 3" is right after the third record of a run is in the journal, and
// "act 2" is when the second step has been done, before its outcome is in the journal. It is a main of
// its own, so that the delivered program has no such switch; everything behind main is the same.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"sync/atomic"
	"syscall"

	"guardian/actions"
	"guardian/actions/kinds"
	"guardian/internal/app"
	"guardian/internal/config"
	"guardian/internal/secret"
)

func main() {
	flags := flag.NewFlagSet("serve", flag.ExitOnError)
	file := flags.String("config", "", "the configuration")
	_ = flags.String("log-level", "", "everything is logged")
	_ = flags.Parse(os.Args[2:]) // after "serve"; it exits on a mistake
	if err := serve(*file); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(file string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	end, err := fate(filepath.Join(filepath.Dir(file), "die"))
	if err != nil {
		return err
	}
	end.log = log
	redactor := &secret.Redactor{}
	a, err := app.New(ctx, app.Options{
		Load:     func() (*config.Config, error) { return config.Load(file, config.Options{Redactor: redactor}) },
		Redactor: redactor, Log: log, Version: "mortal",
		Actions: end.follow(kinds.Builtin()), Recorded: func(actions.Run) { end.comes("record", &end.records) },
	})
	if err != nil {
		return err
	}
	if err := a.Start(ctx); err != nil {
		return err
	}
	<-ctx.Done()
	return a.Stop(context.WithoutCancel(ctx))
}

// death is the point at which the process ends.
type death struct {
	log           *slog.Logger
	what          string // "": it lives on
	at            int64
	records, acts atomic.Int64 // so far
}

// fate reads where the process ends.
func fate(path string) (*death, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &death{}, nil
	}
	if err != nil {
		return nil, err
	}
	d := &death{}
	if _, err := fmt.Sscan(string(text), &d.what, &d.at); err != nil {
		return nil, fmt.Errorf("%s: say record or act, and a number: %w", path, err)
	}
	return d, nil
}

// comes counts a point, and ends the process when it is the one: by SIGKILL, at once.
func (d *death) comes(what string, so *atomic.Int64) {
	n := so.Add(1)
	d.log.Info("a point of a run", "what", what, "n", n)
	if what != d.what || n != d.at {
		return
	}
	if self, err := os.FindProcess(os.Getpid()); err == nil {
		_ = self.Kill()
	}
	select {}
}

// follow lets every step of every kind say when it was done.
func (d *death) follow(all map[string]actions.Kind) map[string]actions.Kind {
	for name, kind := range all {
		build := kind.Build
		kind.Build = func(settings any, env actions.Env) (actions.Step, error) {
			s, err := build(settings, env)
			if err != nil {
				return nil, err
			}
			return step{s, d}, nil
		}
		all[name] = kind
	}
	return all
}

type step struct {
	actions.Step
	d *death
}

// Do implements actions.Step.
func (s step) Do(ctx context.Context, call actions.Call) (string, error) {
	output, err := s.Step.Do(ctx, call)
	s.d.comes("act", &s.d.acts)
	return output, err
}
