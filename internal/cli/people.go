package cli

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/common/model"
	"github.com/spf13/cobra"
)

func silenceCommand(s streams) *cobra.Command {
	var server, output, comment string
	length := model.Duration(2 * time.Hour)
	c := &cobra.Command{
		Use:     "silence MATCHER...",
		Short:   "Suppress notices of matching alerts for a time",
		Example: `  guardian silence --for 2h --comment "shop migration" 'service="order-sync"' 'shop="sg-1"'`,
		Args:    cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, matchers []string) error {
			if err := knownOutput(output); err != nil {
				return err
			}
			var made struct {
				ID    string `json:"id"`
				Until string `json:"until"`
			}
			body := map[string]any{"matchers": matchers, "for": length.String(), "comment": comment}
			raw, err := newClient(server).send(c.Context(), request{method: http.MethodPost, path: "/api/v1/silences", body: body}, &made)
			if err != nil {
				return exit(exitUsage, "%s", err)
			}
			if output == "json" {
				_, err = s.out.Write(raw)
				return err
			}
			_, err = fmt.Fprintf(s.out, "%s until %s\n", made.ID, made.Until)
			return err
		},
	}
	c.Flags().Var(&length, "for", "how long, such as 2h or 1d")
	c.Flags().StringVar(&comment, "comment", "", "why")
	serverFlag(c, &server)
	outputFlag(c, &output)
	c.AddCommand(expireCommand(s))
	return c
}

func expireCommand(s streams) *cobra.Command {
	return removeCommand(remove{
		use: "expire ID", short: "End a silence now", example: "  guardian silence expire s_01J…", path: "/api/v1/silences/",
		done: func(id, output string, _ []byte) error {
			return printResult(s.out, output, map[string]any{"id": id, "ended": true}, "ended\n")
		},
	})
}

func ackCommand(s streams) *cobra.Command {
	var server, note, output string
	c := &cobra.Command{
		Use:     "ack ALERT",
		Short:   "Acknowledge an alert: no repeat notices until it resolves",
		Example: `  guardian ack 5f3c… --note "looking at the shopee push"`,
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := knownOutput(output); err != nil {
				return err
			}
			raw, err := newClient(server).call(c.Context(), request{method: http.MethodPost, path: "/api/v1/acks", body: map[string]string{"alert": args[0], "note": note}})
			if err != nil {
				return exit(exitUsage, "%s", err)
			}
			return printResult(s.out, output, json.RawMessage(raw), "acknowledged\n")
		},
	}
	c.Flags().StringVar(&note, "note", "", "a note for your colleagues")
	serverFlag(c, &server)
	outputFlag(c, &output)
	return c
}
