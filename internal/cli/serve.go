package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"guardian/internal/app"
	"guardian/internal/config"
	"guardian/internal/secret"
)

// stopWithin is how long a guardian takes to stop at most: a step under way comes to its end.
const stopWithin = 45 * time.Second

func serveCommand(s streams) *cobra.Command {
	var file, level, format string
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run the service",
		Long: `Runs the service: looks, judges, tells, acts, and serves the pages and the API.
SIGHUP reloads the configuration; SIGTERM stops in order.`,
		Example: "  guardian serve --config guardian.yaml",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			redactor := &secret.Redactor{}
			log, err := newLog(redacting(s.err, redactor), level, format)
			if err != nil {
				return err
			}
			return serve(c.Context(), s, file, redactor, log)
		},
	}
	c.Flags().StringVarP(&file, "config", "c", "guardian.yaml", "the configuration file")
	c.Flags().StringVar(&level, "log-level", "info", "what is logged: debug, info, warn or error")
	c.Flags().StringVar(&format, "log-format", "text", "how it is logged: text or json")
	return c
}

func serve(ctx context.Context, s streams, file string, redactor *secret.Redactor, log *slog.Logger) error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(app.GCPercent)
	}
	a, err := app.New(ctx, app.Options{
		Load:     func() (*config.Config, error) { return config.Load(file, config.Options{Redactor: redactor}) },
		Redactor: redactor, Log: log, Version: versionOf(),
	})
	if err != nil {
		var ms config.Mistakes
		if errors.As(err, &ms) {
			_, _ = fmt.Fprintln(s.err, ms)
			return exit(exitUsage, "%s was not loaded: %s", file, counted(len(ms), "mistake"))
		}
		return exit(exitUsage, "%s", redactor.Redact(err.Error()))
	}
	if err := a.Start(ctx); err != nil {
		return err
	}
	log.Info("guardian is up", "pages", a.URL(), "version", versionOf())
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	for {
		select {
		case <-hup:
			_ = a.Reload(ctx) // it has logged what was wrong, and nothing changed
			continue
		case <-ctx.Done():
		}
		break
	}
	log.Info("stopping; a step under way comes to its end first")
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
	defer cancel()
	if err := a.Stop(stop); err != nil {
		return exit(exitFailed, "stopping: %s", redactor.Redact(err.Error()))
	}
	log.Info("stopped")
	return nil
}

// redactingWriter takes secrets out of what is logged: the last place at which one could
// slip through.
type redactingWriter struct {
	w interface{ Write([]byte) (int, error) }
	r *secret.Redactor
}

func redacting(w interface{ Write([]byte) (int, error) }, r *secret.Redactor) redactingWriter {
	return redactingWriter{w, r}
}

// Write implements io.Writer. A log handler writes each record with one call.
func (w redactingWriter) Write(p []byte) (int, error) {
	if _, err := w.w.Write([]byte(w.r.Redact(string(p)))); err != nil {
		return 0, err
	}
	return len(p), nil
}

func readyCommand(s streams) *cobra.Command {
	var server string
	c := &cobra.Command{
		Use:     "ready",
		Short:   "Ask a guardian whether it is ready; for health checks of containers",
		Example: "  guardian ready --server http://127.0.0.1:9440",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			api := newClient(server)
			ctx, cancel := context.WithTimeout(c.Context(), 5*time.Second)
			defer cancel()
			body, err := api.call(ctx, http.MethodGet, "/-/ready", nil, nil)
			if err != nil {
				return exit(exitFailed, "%s", err)
			}
			_, err = s.out.Write(body)
			return err
		},
	}
	serverFlag(c, &server)
	return c
}
