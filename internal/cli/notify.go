package cli

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/spf13/cobra"

	"guardian/internal/announce"
	"guardian/internal/config"
	"guardian/internal/secret"
	"guardian/internal/spelling"
	"guardian/notifiers"
)

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
			i := slices.IndexFunc(conf.Receivers, func(rc config.Receiver) bool { return rc.Name == receiver })
			if i < 0 {
				return exit(exitUsage, "there is no receiver %q in %s; %s", receiver, file, spelling.Hint(receiver, receiverNames(conf)))
			}
			id, err := sendTest(c.Context(), conf, &conf.Receivers[i], r)
			if err != nil {
				return err
			}
			return printResult(s.out, output, map[string]string{"receiver": receiver, "kind": conf.Receivers[i].Kind, "notice": id},
				"delivered to receiver "+receiver+"\n")
		},
	}
	c.Flags().StringVar(&receiver, "receiver", "", "the receiver's name (required)")
	configFlag(c, &file)
	outputFlag(c, &output)
	return c
}

func receiverNames(c *config.Config) []string {
	return names(c.Receivers, func(r config.Receiver) string { return r.Name })
}

// sendTest sends a test notice to a receiver and returns the notice's ID.
func sendTest(ctx context.Context, conf *config.Config, rc *config.Receiver, r *secret.Redactor) (id string, err error) {
	channel, err := notifiers.Build(notifiers.Builtin(), rc.Kind, rc.Settings, notifiers.Env{
		Redactor: r, UserAgent: "guardian/" + versionOf(), Receiver: rc.Name, ExternalURL: conf.Server.ExternalURL,
	})
	if err != nil {
		return "", exit(exitUsage, "%s", r.Redact(err.Error()))
	}
	n := announce.Renderer{Language: rc.Language, ExternalURL: conf.Server.ExternalURL, Location: conf.Location()}.Test(rc.Name, time.Now())
	n.ID, n.Created = "n_"+ulid.Make().String(), time.Now().UTC()
	words, err := notifiers.NewTemplate(rc.Templates, r)
	if err == nil {
		n, err = words.Render(n)
	}
	if err != nil {
		return "", exit(exitUsage, "receiver %s: templates: %s", rc.Name, r.Redact(err.Error()))
	}
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	channels := []notifiers.Channel{channel}
	if several, ok := channel.(notifiers.Robots); ok {
		channels = several.Robots() // each must work
	}
	for i, c := range channels {
		if err := c.Send(ctx, n); err != nil {
			name := rc.Name
			if len(channels) > 1 {
				name += fmt.Sprintf(" by robot %d of %d", i+1, len(channels))
			}
			return "", exit(exitFailed, "delivery to receiver %s failed: %s", name, r.Redact(err.Error()))
		}
	}
	return n.ID, nil
}
