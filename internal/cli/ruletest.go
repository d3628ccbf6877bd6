package cli

import (
	"errors"
	"os"
	"time"

	"github.com/spf13/cobra"

	"guardian/internal/ruletest"
)

func testCommand(s streams) *cobra.Command {
	c := &cobra.Command{Use: "test", Short: "Run unit tests of rules and routes", Example: "  guardian test rules tests/*.yaml"}
	c.AddCommand(testRulesCommand(s), testRoutesCommand(s))
	return c
}

func testRulesCommand(s streams) *cobra.Command {
	var o ruletest.Options
	var junit string
	c := &cobra.Command{
		Use:     "rules FILE...",
		Short:   "Run unit tests of rules, in promtool's file format and with Prometheus' semantics",
		Example: "  guardian test rules tests/*.yaml",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, files []string) (err error) {
			o.Now = time.Now
			if junit != "" {
				f, createErr := os.Create(junit)
				if createErr != nil {
					return exit(exitUsage, "--junit: %s", createErr)
				}
				defer func() { err = errors.Join(err, f.Close()) }()
				o.JUnit = f
			}
			n, err := ruletest.Run(c.Context(), files, o, s.out)
			if err != nil {
				return exit(exitFailed, "%s", err)
			}
			if n > 0 {
				return exit(exitFailed, "")
			}
			return nil
		},
	}
	f := c.Flags()
	f.StringArrayVar(&o.Run, "run", nil, "run only test groups whose name matches this regular expression; repeatable")
	f.BoolVar(&o.Diff, "diff", false, "print a diff instead of both sides")
	f.BoolVar(&o.Debug, "debug", false, "print each test that runs, and all data at the end of each group")
	f.BoolVar(&o.IgnoreUnknownFields, "ignore-unknown-fields", false, "accept unknown fields in rule files")
	f.StringSliceVar(&o.Features, "enable-feature", nil, "Prometheus feature flags")
	f.StringVar(&junit, "junit", "", "write a JUnit XML report to this file")
	return c
}
