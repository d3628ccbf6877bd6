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

	"guardian/internal/reason"
	"guardian/internal/windows"
)

// The exit codes of every command.
const (
	exitOK           = 0
	exitFailed       = 1 // a failed verdict, mistakes in a file, a failed test
	exitUsage        = 2 // a wrong command line, or an error of the server
	exitInconclusive = 3
	exitGateClosed   = 4
	exitSuperseded   = 5 // or cancelled
)

// exitError ends the command with an exit code. Its text is empty when the output says it all.
type exitError struct {
	code int
	text string
}

func (e *exitError) Error() string { return e.text }

func exit(code int, format string, args ...any) error {
	return &exitError{code, fmt.Sprintf(format, args...)}
}

// streams are standard input, output and error of a command.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// Main runs one command and returns its exit code. SIGINT and SIGTERM shut it down
// gracefully; a second one kills it.
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
		Short: "Watch deploys of marketplace services and roll back bad ones",
		Long: `Guardian checks your services from outside, notifies people in chats, by mail or SMS when
something is wrong, judges each deploy, and rolls bad ones back to the last good version.`,
		Example:           "  guardian demo\n  guardian serve --config guardian.yaml",
		SilenceUsage:      true,
		SilenceErrors:     true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.AddCommand(
		initCommand(s), serveCommand(s), readyCommand(s), demoCommand(s), demoShopCommand(s), checkCommand(s), importCommand(s), schemaCommand(s),
		watchCommand(s), replayCommand(s), scoreCommand(s), gateCommand(s), rollbackCommand(s), onCallCommand(s), flagCommand(s),
		runbookCommand(s), drillCommand(s), windowCommand(s, windows.Maintenance, "List announced maintenance, announce one, or end it"), windowCommand(s, windows.Hold, "Hold everything automatic: each rollback asks a person until then"), windowCommand(s, windows.Freeze, "List announced freezes of deploys, announce one, or end it"),
		silenceCommand(s), ackCommand(s),
		testCommand(s), judgeCommand(s), probeCommand(s), marketplaceCommand(s), notifyCommand(s), reportCommand(s), backupCommand(s), tokenCommand(s), versionCommand(s),
	)
	root.SetFlagErrorFunc(explainFlag)
	explainUsage(root)
	return root
}

// outputFlag adds --output to a command whose result programs may want to read.
func outputFlag(c *cobra.Command, into *string) {
	c.Flags().StringVarP(into, "output", "o", "text", "output format: text or json")
}

// renamedFlag makes the old name of a flag an error that says the new one.
func renamedFlag(c *cobra.Command, old, now string) {
	c.Flags().Var(flagNamed(now), old, "")
	c.Flags().Lookup(old).Hidden = true
}

// flagNamed is a pflag.Value that refuses every value.
type flagNamed string

// Set implements pflag.Value.
func (f flagNamed) Set(string) error { return errors.New("this flag is now called --" + string(f)) }

// String implements pflag.Value.
func (flagNamed) String() string { return "" }

// Type implements pflag.Value.
func (flagNamed) Type() string { return "string" }

// printJSON prints v as one line of JSON, its reasons in English.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(reason.Translate(reason.Reader{}, v))
}

// printResult prints what a command did: as JSON for programs, or as a text for a person.
func printResult(w io.Writer, output string, result any, text string) error {
	if output == "json" {
		return printJSON(w, result)
	}
	_, err := io.WriteString(w, text)
	return err
}

func knownOutput(output string) error {
	if output != "text" && output != "json" {
		return exit(exitUsage, "--output %s is not one of text, json", output)
	}
	return nil
}

// newLog returns a logger of that level and format.
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
