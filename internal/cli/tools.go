package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/spf13/cobra"

	"guardian/internal/announce"
	"guardian/internal/config"
	"guardian/internal/ruletest"
	"guardian/internal/secret"
	"guardian/internal/server"
	"guardian/internal/store"
	"guardian/notifiers"
)

func testCommand(s streams) *cobra.Command {
	c := &cobra.Command{Use: "test", Short: "Run unit tests", Example: "  guardian test rules tests/*.yaml"}
	var o ruletest.Options
	var junit string
	rules := &cobra.Command{
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
	f := rules.Flags()
	f.StringArrayVar(&o.Run, "run", nil, "only test groups whose name matches this regular expression; may be repeated")
	f.BoolVar(&o.Diff, "diff", false, "show differences instead of both sides")
	f.BoolVar(&o.Debug, "debug", false, "say what is run and print all data at the end of each group")
	f.BoolVar(&o.IgnoreUnknownFields, "ignore-unknown-fields", false, "do not refuse unknown fields in rule files")
	f.StringSliceVar(&o.Features, "enable-feature", nil, "Prometheus feature flags")
	f.StringVar(&junit, "junit", "", "write a JUnit XML report to this file")
	c.AddCommand(rules)
	return c
}

// loadFor loads a configuration for a command that needs a part of it.
func loadFor(file string, r *secret.Redactor) (*config.Config, error) {
	c, err := config.Load(file, config.Options{Redactor: r})
	if err != nil {
		return nil, exit(exitUsage, "%s", err)
	}
	return c, nil
}

func configFlag(c *cobra.Command, into *string) {
	c.Flags().StringVarP(into, "config", "c", "guardian.yaml", "the configuration file")
}

func notifyCommand(s streams) *cobra.Command {
	var file, receiver, output string
	c := &cobra.Command{
		Use:     "notify",
		Short:   "Send a test notice to a receiver",
		Example: "  guardian notify --receiver oncall --config guardian.yaml",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := knownOutput(output); err != nil {
				return err
			}
			r := &secret.Redactor{}
			conf, err := loadFor(file, r)
			if err != nil {
				return err
			}
			var known []string
			for _, rc := range conf.Receivers {
				known = append(known, rc.Name)
				if rc.Name != receiver {
					continue
				}
				ch, err := notifiers.Build(notifiers.Builtin(), rc.Kind, rc.Settings, notifiers.Env{Redactor: r, UserAgent: "guardian/" + versionOf()})
				if err != nil {
					return exit(exitUsage, "%s", r.Redact(err.Error()))
				}
				lang := rc.Language
				if lang == "" {
					lang = conf.Server.Language
				}
				n := announce.Teller{Language: lang, ExternalURL: conf.Server.ExternalURL, Location: conf.Location()}.Test(receiver, time.Now())
				n.ID, n.Created = "n_"+ulid.Make().String(), time.Now().UTC()
				ctx, cancel := context.WithTimeout(c.Context(), 15*time.Second)
				defer cancel()
				if err := ch.Send(ctx, n); err != nil {
					return exit(exitFailed, "receiver %s did not take it: %s", receiver, r.Redact(err.Error()))
				}
				return printFacts(s.out, output, map[string]string{"receiver": receiver, "kind": rc.Kind, "notice": n.ID}, "receiver %s has taken it\n", receiver)
			}
			return exit(exitUsage, "there is no receiver %q; known are %v", receiver, known)
		},
	}
	c.Flags().StringVar(&receiver, "receiver", "", "the receiver's name")
	configFlag(c, &file)
	outputFlag(c, &output)
	return c
}

func tokenCommand(s streams) *cobra.Command {
	var file, output string
	c := &cobra.Command{Use: "token", Short: "Make, list and revoke tokens of the API", Example: "  guardian token create --name ci --role deployer"}
	open := func(ctx context.Context) (*store.Store, error) {
		if err := knownOutput(output); err != nil {
			return nil, err
		}
		r := &secret.Redactor{}
		conf, err := loadFor(file, r)
		if err != nil {
			return nil, err
		}
		st, err := store.Open(ctx, store.Options{Path: filepath.Join(conf.Storage.Path, "journal.db"), Postgres: conf.Storage.Postgres, Redactor: r})
		if err != nil {
			return nil, exit(exitUsage, "journal: %s", err)
		}
		return st, nil
	}
	var name, role string
	create := &cobra.Command{
		Use: "create", Short: "Make a token and print it, this once", Example: "  guardian token create --name ci --role deployer", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if name == "" || !slices.Contains(server.Roles(), server.Role(role)) {
				return exit(exitUsage, "say whose it is and what they may do: --name N --role R; roles are %v", server.Roles())
			}
			st, err := open(c.Context())
			if err != nil {
				return err
			}
			defer st.Close()
			text := "gdn_" + rand.Text()
			t := store.Token{ID: "t_" + ulid.Make().String(), Name: name, Role: role, Hash: server.HashToken(text), Created: time.Now().UTC()}
			if err := st.Commit(c.Context(), store.Unfenced, store.Batch{Tokens: []store.Token{t}}); err != nil {
				return exit(exitUsage, "%s", err)
			}
			shown := showToken(t)
			shown.Token = text
			return printFacts(s.out, output, shown, "%s\n", text)
		},
	}
	create.Flags().StringVar(&name, "name", "", "who it is for; it stands in the journal")
	create.Flags().StringVar(&role, "role", "", "viewer, deployer, approver or admin")
	list := &cobra.Command{
		Use: "list", Short: "List the tokens", Example: "  guardian token list", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			st, err := open(c.Context())
			if err != nil {
				return err
			}
			defer st.Close()
			ts, err := st.Tokens(c.Context())
			if err != nil {
				return exit(exitUsage, "%s", err)
			}
			shown := make([]shownToken, 0, len(ts))
			for _, t := range ts {
				shown = append(shown, showToken(t))
			}
			if output == "json" {
				return printJSON(s.out, shown)
			}
			for _, t := range shown {
				_, _ = fmt.Fprint(s.out, t)
			}
			return nil
		},
	}
	revoke := &cobra.Command{
		Use: "revoke ID", Short: "Make a token worthless", Example: "  guardian token revoke t_01J…", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			st, err := open(c.Context())
			if err != nil {
				return err
			}
			defer st.Close()
			ts, err := st.Tokens(c.Context())
			if err != nil {
				return exit(exitUsage, "%s", err)
			}
			for _, t := range ts {
				if t.ID == args[0] {
					t.Revoked = time.Now().UTC()
					if err := st.Commit(c.Context(), store.Unfenced, store.Batch{Tokens: []store.Token{t}}); err != nil {
						return exit(exitUsage, "%s", err)
					}
					return printFacts(s.out, output, showToken(t), "%s", showToken(t))
				}
			}
			return exit(exitUsage, "there is no token %q; see guardian token list", args[0])
		},
	}
	for _, sub := range []*cobra.Command{create, list, revoke} {
		configFlag(sub, &file)
		outputFlag(sub, &output)
		c.AddCommand(sub)
	}
	return c
}

// shownToken is what is told of a token; the token itself only when it is made.
type shownToken struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Role    string    `json:"role"`
	Created time.Time `json:"created"`
	Revoked time.Time `json:"revoked,omitzero"`
	Token   string    `json:"token,omitempty"`
}

func showToken(t store.Token) shownToken {
	return shownToken{ID: t.ID, Name: t.Name, Role: t.Role, Created: t.Created, Revoked: t.Revoked}
}

// String gives one line of a list.
func (t shownToken) String() string {
	state := "valid"
	if !t.Revoked.IsZero() {
		state = "revoked " + t.Revoked.Format(time.RFC3339)
	}
	return fmt.Sprintf("%s  %-16s %-9s made %s  %s\n", t.ID, t.Name, t.Role, t.Created.Format(time.RFC3339), state)
}
