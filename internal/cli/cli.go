package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// The exit codes of every command.
const (
	exitOK           = 0
	exitFailed       = 1 // a verdict failed, a check found mistakes, a test failed
	exitUsage        = 2 // the command line is wrong, or the server gave an error
	exitInconclusive = 3
	exitGateClosed   = 4
	exitSuperseded   = 5 // or cancelled
)

// exitError ends the command with a code. Its text may be empty: everything was said.
type exitError struct {
	code int
	text string
}

func (e *exitError) Error() string { return e.text }

func exit(code int, format string, args ...any) error {
	return &exitError{code, fmt.Sprintf(format, args...)}
}

// Streams are where a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// Main runs one command and gives its exit code. SIGINT and SIGTERM end it in order; a
// second one ends it at once.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	return run(ctx, args, streams{stdin, stdout, stderr})
}

func run(ctx context.Context, args []string, s streams) int {
	root := newRoot(s)
	root.SetArgs(args)
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	var coded *exitError
	if errors.As(err, &coded) {
		if coded.text != "" {
			_, _ = fmt.Fprintln(s.err, "guardian: "+coded.text)
		}
		return coded.code
	}
	_, _ = fmt.Fprintf(s.err, "guardian: %s\n", err)
	return exitUsage
}

func newRoot(s streams) *cobra.Command {
	root := &cobra.Command{
		Use:   "guardian",
		Short: "Watches what a marketplace team ships and puts the last good version back",
		Long: `Guardian looks at your services from outside, tells people in Slack and DingTalk when
something is wrong, judges each deploy, and puts the last good version back.`,
		Example:           "  guardian demo\n  guardian serve --config guardian.yaml",
		SilenceUsage:      true,
		SilenceErrors:     true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.AddCommand(
		serveCommand(s), readyCommand(s), demoCommand(s), demoShopCommand(s), checkCommand(s), schemaCommand(s),
		watchCommand(s), replayCommand(s), scoreCommand(s), gateCommand(s), rollbackCommand(s), silenceCommand(s), ackCommand(s),
		testCommand(s), judgeCommand(s), probeCommand(s), marketplaceCommand(s), notifyCommand(s), reportCommand(s), tokenCommand(s), versionCommand(s),
	)
	return root
}

// outputFlag adds --output to a command that prints facts.
func outputFlag(c *cobra.Command, into *string) {
	c.Flags().StringVarP(into, "output", "o", "text", "how to print: text or json")
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// printFacts prints what a command did: as JSON, or as a text for a person.
func printFacts(w io.Writer, output string, facts any, format string, args ...any) error {
	if output == "json" {
		return printJSON(w, facts)
	}
	_, err := fmt.Fprintf(w, format, args...)
	return err
}

func knownOutput(output string) error {
	if output != "text" && output != "json" {
		return exit(exitUsage, "--output %s is not one of text, json", output)
	}
	return nil
}

// newLog makes the log of a process.
func newLog(w io.Writer, level, format string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, exit(exitUsage, "--log-level %s is not one of debug, info, warn, error", level)
	}
	o := &slog.HandlerOptions{Level: l}
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(w, o)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, o)), nil
	default:
		return nil, exit(exitUsage, "--log-format %s is not one of text, json", format)
	}
}
