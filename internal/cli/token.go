package cli

import (
	"context"
	"crypto/rand"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/spf13/cobra"

	"guardian/internal/secret"
	"guardian/internal/server"
	"guardian/internal/store"
)

// tokenFlags are the flags of every command about tokens.
type tokenFlags struct{ file, output string }

func tokenCommand(s streams) *cobra.Command {
	c := &cobra.Command{Use: "token", Short: "Create, list and revoke API tokens", Example: "  guardian token create --name ci --role deployer"}
	f := &tokenFlags{}
	for _, sub := range []*cobra.Command{createTokenCommand(s, f), listTokensCommand(s, f), revokeTokenCommand(s, f)} {
		configFlag(sub, &f.file)
		outputFlag(sub, &f.output)
		c.AddCommand(sub)
	}
	return c
}

// journal opens the journal of the configuration, which holds the tokens.
func (f *tokenFlags) journal(ctx context.Context) (*store.Store, error) {
	if err := knownOutput(f.output); err != nil {
		return nil, err
	}
	r := &secret.Redactor{}
	conf, err := loadFor(f.file, r)
	if err != nil {
		return nil, err
	}
	st, err := store.Open(ctx, store.Options{Path: filepath.Join(conf.Storage.Path, "journal.db"), Postgres: conf.Storage.Postgres, Redactor: r})
	if err != nil {
		return nil, exit(exitUsage, "journal: %s", err)
	}
	return st, nil
}

func createTokenCommand(s streams, f *tokenFlags) *cobra.Command {
	var name, role string
	c := &cobra.Command{
		Use: "create", Short: "Create a token and print it; it is not shown again", Example: "  guardian token create --name ci --role deployer", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if strings.TrimSpace(name) == "" || role == "" {
				return exit(exitUsage, "--name and --role are required: whose token it is, and one of the roles %s", rolesList())
			}
			if !slices.Contains(server.Roles(), server.Role(role)) {
				return exit(exitUsage, "--role %s is not one of %s", role, rolesList())
			}
			st, err := f.journal(c.Context())
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
			return printResult(s.out, f.output, shown, text+"\n")
		},
	}
	c.Flags().StringVar(&name, "name", "", "the person or program, as it is named in the journal (required)")
	c.Flags().StringVar(&role, "role", "", "viewer, deployer, approver or admin (required)")
	return c
}

func rolesList() string {
	var all []string
	for _, r := range server.Roles() {
		all = append(all, string(r))
	}
	return strings.Join(all, ", ")
}

func listTokensCommand(s streams, f *tokenFlags) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the tokens", Example: "  guardian token list", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			st, err := f.journal(c.Context())
			if err != nil {
				return err
			}
			defer st.Close()
			ts, err := st.Tokens(c.Context())
			if err != nil {
				return exit(exitUsage, "%s", err)
			}
			shown := make([]shownToken, 0, len(ts))
			var text strings.Builder
			for _, t := range ts {
				shown = append(shown, showToken(t))
				text.WriteString(showToken(t).String())
			}
			return printResult(s.out, f.output, shown, text.String())
		},
	}
}

func revokeTokenCommand(s streams, f *tokenFlags) *cobra.Command {
	return &cobra.Command{
		Use: "revoke ID", Short: "Revoke a token", Example: "  guardian token revoke t_01J…", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			st, err := f.journal(c.Context())
			if err != nil {
				return err
			}
			defer st.Close()
			ts, err := st.Tokens(c.Context())
			if err != nil {
				return exit(exitUsage, "%s", err)
			}
			i := slices.IndexFunc(ts, func(t store.Token) bool { return t.ID == args[0] })
			if i < 0 {
				return exit(exitUsage, "no token has the ID %q; see guardian token list", args[0])
			}
			t := ts[i]
			t.Revoked = time.Now().UTC()
			if err := st.Commit(c.Context(), store.Unfenced, store.Batch{Tokens: []store.Token{t}}); err != nil {
				return exit(exitUsage, "%s", err)
			}
			ts[i] = t
			if f.output != "json" && !slices.ContainsFunc(ts, func(t store.Token) bool { return t.Revoked.IsZero() }) {
				_, _ = fmt.Fprintln(s.err, "no token in the journal is valid now; those in the configuration are. Without any, nobody may call: make one with guardian token create")
			}
			return printResult(s.out, f.output, showToken(t), showToken(t).String())
		},
	}
}

// shownToken is a token as it is printed. The secret itself is printed only on creation.
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

// String returns one line of the list.
func (t shownToken) String() string {
	state := "valid"
	if !t.Revoked.IsZero() {
		state = "revoked " + t.Revoked.Format(time.RFC3339)
	}
	return fmt.Sprintf("%s  %-16s %-9s created %s  %s\n", t.ID, t.Name, t.Role, t.Created.Format(time.RFC3339), state)
}
