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

// shutdownTimeout bounds a graceful shutdown, in which a running step may finish.
const shutdownTimeout = 45 * time.Second

func serveCommand(s streams) *cobra.Command {
	var file, level, format string
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run the service",
		Long: `Runs the checks, evaluates rules, judges deploys, sends notices, runs runbooks, and serves
the pages and the API. SIGHUP reloads the configuration; SIGTERM shuts down gracefully.`,
		Example: "  guardian serve --config guardian.yaml",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			redactor := &secret.Redactor{}
			log, err := newLog(redacting(s.err, redactor), level, format)
			if err != nil {
				return err
			}
			a, err := newApp(c.Context(), s, app.Options{
				Load: func() (*config.Config, error) {
					return config.Load(file, config.Options{Redactor: redactor, LookPrograms: true})
				},
				Redactor: redactor, Log: log, Version: versionOf(),
			})
			if err != nil {
				return err
			}
			if err := a.Start(c.Context()); err != nil {
				return exit(exitUsage, "%s", redactor.Redact(err.Error()))
			}
			if err := serve(c.Context(), a, log); err != nil {
				return exit(exitFailed, "%s", redactor.Redact(err.Error()))
			}
			return nil
		},
	}
	c.Flags().StringVarP(&file, "config", "c", "guardian.yaml", "the configuration file")
	c.Flags().StringVar(&level, "log-level", "info", "debug, info, warn or error")
	c.Flags().StringVar(&format, "log-format", "text", "text or json")
	return c
}

// newApp builds the service, and prints the configuration's mistakes when there are any.
func newApp(ctx context.Context, s streams, o app.Options) (*app.App, error) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(app.GCPercent)
	}
	a, err := app.New(ctx, o)
	var ms config.Mistakes
	switch {
	case errors.As(err, &ms):
		_, _ = fmt.Fprintln(s.err, ms)
		return nil, exit(exitUsage, "the configuration was not loaded: %s", counted(len(ms), "mistake"))
	case err != nil:
		return nil, exit(exitUsage, "%s", o.Redactor.Redact(err.Error()))
	}
	return a, nil
}

// serve lets the started service run until the context ends, reloads it on SIGHUP, and
// stops it.
func serve(ctx context.Context, a *app.App, log *slog.Logger) error {
	log.Info("guardian is up", "pages", a.URL(), "version", versionOf())
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	for ctx.Err() == nil {
		select {
		case <-hup:
			_ = a.Reload(ctx) // the error is logged; a failed reload changes nothing
		case <-ctx.Done():
		}
	}
	log.Info("stopping; a running step may finish first")
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	if err := a.Stop(stop); err != nil {
		return fmt.Errorf("shutdown: %w", err)
	}
	log.Info("stopped")
	return nil
}

// redactingWriter removes secrets from the log: the last line of defence against a leak.
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
		Short:   "Check whether a guardian is ready; for container health checks",
		Example: "  guardian ready --server http://127.0.0.1:9440",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			api := newClient(server)
			ctx, cancel := context.WithTimeout(c.Context(), 5*time.Second)
			defer cancel()
			body, err := api.call(ctx, request{method: http.MethodGet, path: "/-/ready"})
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
