package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// explainUsage makes every wrong command line of a command and of those below it an error that says what the
// command takes.
func explainUsage(c *cobra.Command) {
	for _, sub := range c.Commands() {
		explainUsage(sub)
	}
	if !c.Runnable() { // it only holds others
		c.Args, c.RunE = cobra.ArbitraryArgs, func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return c.Help()
			}
			return noCommand(c, args[0])
		}
		return
	}
	takes := c.Args
	c.Args = func(c *cobra.Command, args []string) error {
		var wrong error
		if takes != nil {
			wrong = takes(c, args)
		}
		switch {
		case wrong == nil:
		case !strings.Contains(wrong.Error(), "arg(s)") && !strings.Contains(wrong.Error(), "unknown command"): // the command's own
			return exit(exitUsage, "%s", wrong)
		case c.HasAvailableSubCommands() && len(args) > 0:
			return noCommand(c, args[0])
		case len(args) > 0 && argumentsOf(c) == "":
			return exit(exitUsage, "unexpected argument %q: %s takes none; see %s --help", args[0], c.CommandPath(), c.CommandPath())
		default:
			return exit(exitUsage, "%s takes %s, not %s; see %s --help", c.CommandPath(), argumentsOf(c), counted(len(args), "argument"), c.CommandPath())
		}
		for i, arg := range args {
			if strings.TrimSpace(arg) == "" && c.ArgsLenAtDash() < 0 {
				return exit(exitUsage, "argument %d of %s is blank: it takes %s", i+1, c.CommandPath(), argumentsOf(c))
			}
		}
		return nil
	}
}

// argumentsOf names what a command takes after its name, as its usage does.
func argumentsOf(c *cobra.Command) string {
	if _, names, ok := strings.Cut(c.Use, " "); ok {
		return names
	}
	return ""
}

func noCommand(c *cobra.Command, name string) error {
	hint := "see " + c.CommandPath() + " --help"
	c.SuggestionsMinimumDistance = 2
	if near := c.SuggestionsFor(name); len(near) > 0 {
		hint = fmt.Sprintf("did you mean %s %s?", c.CommandPath(), strings.Join(near, " or "))
	}
	return exit(exitUsage, "there is no command %q of %s; %s", name, c.CommandPath(), hint)
}

// explainFlag makes the error of a flag one that says what the flag takes.
func explainFlag(c *cobra.Command, err error) error {
	var value *pflag.InvalidValueError
	if !errors.As(err, &value) {
		return exit(exitUsage, "%s; see %s --help", err, c.CommandPath())
	}
	f := value.GetFlag()
	switch f.Value.Type() {
	case "duration":
		return exit(exitUsage, "--%s %q: expected a duration such as 30m, 2h or 1d", f.Name, value.GetValue())
	case "int":
		return exit(exitUsage, "--%s %q: expected a whole number", f.Name, value.GetValue())
	case "float64":
		return exit(exitUsage, "--%s %q: expected a number", f.Name, value.GetValue())
	case "bool":
		return exit(exitUsage, "--%s %q: expected true or false", f.Name, value.GetValue())
	default:
		return exit(exitUsage, "--%s: %s", f.Name, value.Unwrap())
	}
}

// notBlank refuses flags that were given with nothing in them, as of a variable that is not set: what a
// missing flag means would be a guess then.
func notBlank(c *cobra.Command, flags ...string) error {
	for _, name := range flags {
		f := c.Flags().Lookup(name)
		if f == nil || !f.Changed {
			continue
		}
		texts := []string{f.Value.String()}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			texts = list.GetSlice()
		}
		blank := len(texts) == 0
		for _, text := range texts {
			blank = blank || strings.TrimSpace(text) == ""
		}
		if blank {
			return exit(exitUsage, "--%s is blank: give it a value, or leave it out", name)
		}
	}
	return nil
}

// names gives the names of a list, for a hint.
func names[T any](list []T, name func(T) string) []string {
	all := make([]string, len(list))
	for i, one := range list {
		all[i] = name(one)
	}
	return all
}
