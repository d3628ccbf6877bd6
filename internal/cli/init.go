package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"guardian/internal/config"
	"guardian/internal/starter"
)

func initCommand(s streams) *cobra.Command {
	var a starter.Answers
	var file string
	c := &cobra.Command{
		Use:   "init",
		Short: "Write a first configuration from a few answers",
		Long: `Asks what is checked, who is notified and how a version is put back, and writes a
configuration that alerts, watches deploys and rolls back. What a flag says is not asked.`,
		Example: `  guardian init
  guardian init --service order-sync --url https://shop.example.com/healthz --notify slack --rollback script --target /opt/deploy.sh --version v1.4.2`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, err := os.Lstat(file); err == nil {
				return exit(exitUsage, "%s is there already and was not changed: name another file with --file", file)
			}
			if err := (&interview{s: s, in: bufio.NewReader(s.in), flags: cmd.Flags()}).ask(&a); err != nil {
				return err
			}
			a.Engine = os.Getenv("DOCKER_HOST")
			return writeFirst(s, a, file)
		},
	}
	f := c.Flags()
	f.StringVar(&file, "file", "guardian.yaml", "the file to write")
	f.StringVar(&a.Service, "service", "order-sync", "the name of your service")
	f.StringVar(&a.URL, "url", "", "an address that answers 200 while the service is well")
	f.StringVar(&a.Notify, "notify", "slack", "where people are notified: "+strings.Join(starter.Channels(), ", "))
	f.StringVar(&a.Rollback, "rollback", starter.None, "how a version is put back: "+strings.Join(starter.Ways(), ", "))
	f.StringVar(&a.Target, "target", "", "what a rollback acts on: a container's name, a URL, a script's path")
	f.StringVar(&a.Image, "image", "", "the container's image, without a tag")
	f.StringVar(&a.Version, "version", "", "the version that runs now and is good")
	f.StringVar(&a.Language, "language", "en", "language of pages and notices: zh or en")
	return c
}

// writeFirst writes a configuration that has no mistakes, and says what comes next.
func writeFirst(s streams, a starter.Answers, file string) error {
	if err := a.Check(); err != nil {
		return exit(exitUsage, "%s", err)
	}
	text, err := starter.Write(a)
	if err != nil {
		return err
	}
	out, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) //nolint:gosec // it holds no secret
	if err != nil {
		return err
	}
	_, err = io.WriteString(out, text)
	if err = errors.Join(err, out.Close()); err != nil {
		return err
	}
	found, err := config.LoadFiles([]string{file}, config.Options{LookupEnv: a.Lookup(os.LookupEnv), LookPrograms: true})
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(s.out, "wrote %s\n", file)
	for _, w := range found.Warnings {
		_, _ = fmt.Fprintln(s.out, "warning: "+w.Error())
	}
	for _, note := range found.Notes {
		_, _ = fmt.Fprintln(s.out, note)
	}
	_, _ = fmt.Fprint(s.out, "\nNext:\n")
	for _, secret := range a.Secrets() {
		if _, ok := os.LookupEnv(secret.Name); !ok {
			_, _ = fmt.Fprintf(s.out, "  export %s='%s'\n", secret.Name, secret.Example)
		}
	}
	_, _ = fmt.Fprintf(s.out, "  guardian serve --config %s\n", filepath.Clean(file))
	if a.Notify != starter.None {
		_, _ = fmt.Fprintf(s.out, "  guardian notify --config %s --receiver oncall     sends a test\n", filepath.Clean(file))
	}
	_, _ = fmt.Fprintf(s.out, "  guardian watch --service %s --version VERSION     after each deploy, or curl: see the README\n", a.Service)
	return nil
}

// interview asks what the flags do not say.
type interview struct {
	s     streams
	in    *bufio.Reader
	flags *pflag.FlagSet
}

func (v *interview) ask(a *starter.Answers) error {
	type question struct {
		flag, text string
		into       *string
	}
	ask := func(all ...question) error {
		for _, q := range all {
			for again := true; again; {
				if err := v.one(q.flag, q.text, q.into); err != nil {
					return err
				}
				var wrong *starter.AnswerError
				again = errors.As(a.Check(), &wrong) && wrong.Flag == q.flag
				if again && v.flags.Changed(q.flag) {
					return exit(exitUsage, "%s", wrong)
				}
				if again {
					_, _ = fmt.Fprintln(v.s.err, wrong.Text)
					*q.into = v.flags.Lookup(q.flag).DefValue
				}
			}
		}
		return nil
	}
	err := ask(
		question{"service", "What is your service called?", &a.Service},
		question{"url", "Which address answers 200 while it is well?", &a.URL},
		question{"notify", "Where are people notified? (" + strings.Join(starter.Channels(), ", ") + ")", &a.Notify},
		question{"rollback", "How is a version put back? (" + strings.Join(starter.Ways(), ", ") + ")", &a.Rollback},
	)
	if err != nil || a.Rollback == starter.None {
		return err
	}
	if err := ask(question{"target", "Say " + starter.Asks(a.Rollback) + ":", &a.Target}); err != nil {
		return err
	}
	if a.Rollback == "docker" {
		if err := ask(question{"image", "Of which image is it, without a tag?", &a.Image}); err != nil {
			return err
		}
	}
	return ask(question{"version", "Which version runs now, and is good? (empty: the first that passes a watch is)", &a.Version})
}

// one asks one question, with the flag's default as the answer of an empty line.
func (v *interview) one(flag, text string, into *string) error {
	if v.flags.Changed(flag) {
		return nil
	}
	_, _ = fmt.Fprint(v.s.err, text+" ")
	if *into != "" {
		_, _ = fmt.Fprintf(v.s.err, "[%s] ", *into)
	}
	line, err := v.in.ReadString('\n')
	switch line = strings.TrimSpace(line); {
	case errors.Is(err, io.EOF) && line == "":
		if *into == "" && flag != "version" {
			return exit(exitUsage, "no answer: say --%s", flag)
		}
		_, _ = fmt.Fprintln(v.s.err)
		return nil
	case err != nil && !errors.Is(err, io.EOF):
		return err
	case line != "":
		*into = line
	}
	return nil
}
