package cli

import (
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/spf13/cobra"

	"guardian/internal/windows"
)

// windowAnswer is an announced window in the API.
type windowAnswer struct {
	windows.Window
	State string `json:"state"`
}

func (w windowAnswer) print(out io.Writer) {
	of, by := w.Service, w.By
	if of == "" {
		of = "all services"
	}
	if w.Run != "" {
		by = "run " + w.Run
	}
	_, _ = fmt.Fprintf(out, "%s: %s of %s, %s to %s (%s), by %s: %s\n", w.ID, w.Kind, of, shownTime(w.From), shownTime(w.To), w.State, by, w.Reason)
}

// windowCommand is guardian maintenance or guardian freeze.
func windowCommand(s streams, kind windows.Kind, short string) *cobra.Command {
	name := string(kind)
	var address, output string
	c := &cobra.Command{
		Use:     name,
		Short:   short,
		Example: fmt.Sprintf("  guardian %[1]s\n  guardian %[1]s start --service orders --for 2h --reason \"stocktaking\"\n  guardian %[1]s end win_01J…", name),
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := knownOutput(output); err != nil {
				return err
			}
			var answer struct {
				Windows []windowAnswer `json:"windows"`
			}
			raw, err := newClient(address).get(c.Context(), "/api/v1/windows", &answer)
			if err != nil {
				return exit(exitUsage, "%s", err)
			}
			if output == "json" {
				_, err = s.out.Write(raw)
				return err
			}
			listed := 0
			for _, w := range answer.Windows {
				if w.Kind == kind {
					w.print(s.out)
					listed++
				}
			}
			if listed == 0 {
				_, _ = fmt.Fprintf(s.out, "no %s is announced, beside what guardian.yaml says\n", name)
			}
			return nil
		},
	}
	serverFlag(c, &address)
	outputFlag(c, &output)
	c.AddCommand(startWindowCommand(s, kind), endWindowCommand(s, kind))
	return c
}

func startWindowCommand(s streams, kind windows.Kind) *cobra.Command {
	var address, output, service, from, until, why string
	var all bool
	var length model.Duration
	c := &cobra.Command{
		Use:   "start",
		Short: fmt.Sprintf("Announce a %s from now, or --from, on", kind),
		Example: fmt.Sprintf("  guardian %[1]s start --service orders --for 2h --reason \"stocktaking\"\n"+
			"  guardian %[1]s start --all --from 2026-12-01T02:00:00+08:00 --until 2026-12-01T04:00:00+08:00 --reason \"a move\"", kind),
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := knownOutput(output); err != nil {
				return err
			}
			if strings.TrimSpace(why) == "" {
				return exit(exitUsage, "--reason is required: why, for those who are not notified or may not deploy")
			}
			if all == (service != "") {
				return exit(exitUsage, "say either --service or --all")
			}
			if (until == "") == (length == 0) {
				return exit(exitUsage, "say either --until or --for")
			}
			body := map[string]string{"kind": string(kind), "service": service, "from": from, "to": until, "reason": why}
			if length != 0 {
				body["for"] = length.String()
			}
			for key, value := range body {
				if value == "" && key != "reason" {
					delete(body, key)
				}
			}
			raw, err := newClient(address).call(c.Context(), request{method: http.MethodPost, path: "/api/v1/windows", body: body})
			if err != nil {
				return exit(exitUsage, "%s", err)
			}
			return printAnswer[windowAnswer](s, output, raw)
		},
	}
	c.Flags().StringVar(&service, "service", "", "the service")
	c.Flags().BoolVar(&all, "all", false, "all services, in place of --service")
	c.Flags().StringVar(&from, "from", "", "from when on (RFC 3339; default: now)")
	c.Flags().StringVar(&until, "until", "", "until when (RFC 3339)")
	c.Flags().Var(&length, "for", "in place of --until: how long, such as 2h")
	c.Flags().StringVar(&why, "reason", "", "why (required)")
	serverFlag(c, &address)
	outputFlag(c, &output)
	return c
}

func endWindowCommand(s streams, kind windows.Kind) *cobra.Command {
	return removeCommand(remove{
		use: "end ID", short: fmt.Sprintf("End a %s now, or call it off before it begins", kind), example: fmt.Sprintf("  guardian %s end win_01J…", kind),
		path: "/api/v1/windows/",
		done: func(_, output string, answer []byte) error { return printAnswer[windowAnswer](s, output, answer) },
	})
}
