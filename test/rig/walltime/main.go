// Command walltime is `guardian serve` on a machine whose clock can be set: each line of its
// standard input says how far the clock is off from then on. It is a main of its own, so that
// the delivered program has no switch that changes its time; everything behind main is the same.
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"guardian/internal/app"
	"guardian/internal/config"
	"guardian/internal/secret"
)

func main() {
	flags := flag.NewFlagSet("serve", flag.ExitOnError)
	file := flags.String("config", "", "the configuration")
	_ = flags.String("log-level", "", "everything is logged")
	_ = flags.Parse(os.Args[2:]) // after "serve"; it exits on a mistake
	if err := serve(*file, os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(file string, offsets io.Reader) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	redactor := &secret.Redactor{}
	var off atomic.Int64
	a, err := app.New(ctx, app.Options{
		Load:     func() (*config.Config, error) { return config.Load(file, config.Options{Redactor: redactor}) },
		Redactor: redactor, Log: log, Version: "walltime",
		Wall: func() time.Time { return time.Now().Add(time.Duration(off.Load())) },
	})
	if err != nil {
		return err
	}
	if err := a.Start(ctx); err != nil {
		return err
	}
	go func() {
		for lines := bufio.NewScanner(offsets); lines.Scan(); {
			d, err := time.ParseDuration(lines.Text())
			if err != nil {
				log.Error("no offset of the clock", "line", lines.Text(), "error", err)
				continue
			}
			off.Store(int64(d))
		}
	}()
	<-ctx.Done()
	return a.Stop(context.WithoutCancel(ctx))
}
