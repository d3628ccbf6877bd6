package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"time"

	"github.com/spf13/cobra"

	"guardian/probes"
)

// reportAsked is which report is asked for, in which form.
type reportAsked struct {
	period, month, service, format string
	customer, language, file       string
}

func reportCommand(s streams) *cobra.Command {
	var server string
	var a reportAsked
	c := &cobra.Command{
		Use:   "report",
		Short: "Print the SLA report of a month, a quarter, a year or any days",
		Long: `Prints the SLA report. As html or pdf it is a document with a title page, to be given to a
customer: html is one file without references to others; pdf is made of it by Chromium or Chrome,
which has to be installed.`,
		Example: `  guardian report --period 2026-11 --format csv
  guardian report --period 2026-Q4 --format pdf --customer "ACME Ltd" --file acme-2026-Q4.pdf
  guardian report --period 2026-11-03..2026-11-09 --service order-sync`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := notBlank(c, "period", "month", "service"); err != nil {
				return err
			}
			path, err := a.path()
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(c.Context(), 2*time.Minute)
			defer cancel()
			api := newClient(server)
			raw, err := api.call(ctx, request{method: http.MethodGet, path: path})
			if err != nil {
				return exit(exitUsage, "%s", err)
			}
			if a.format == "html" || a.format == "pdf" {
				if raw, err = selfContained(ctx, api, raw); err != nil {
					return exit(exitUsage, "%s", err)
				}
			}
			if a.format == "pdf" {
				if raw, err = printed(ctx, raw); err != nil {
					return exit(exitUsage, "%s", err)
				}
			}
			if a.file == "" {
				_, err = s.out.Write(raw)
				return err
			}
			if err := os.WriteFile(a.file, raw, 0o600); err != nil {
				return exit(exitUsage, "the report could not be written: %s", err)
			}
			return nil
		},
	}
	f := c.Flags()
	f.StringVar(&a.period, "period", "", "2026-11, 2026-Q4, 2026 or 2026-11-03..2026-12-14 (default: the current month)")
	f.StringVar(&a.month, "month", "", "the same as --period, of a month")
	f.StringVar(&a.service, "service", "", "one service (default: all)")
	f.StringVar(&a.format, "format", "json", "json, csv, html or pdf")
	f.StringVar(&a.customer, "customer", "", "the name on the title page of html and pdf")
	f.StringVar(&a.language, "language", "", "language of html and pdf: en or zh (default: the server's)")
	f.StringVar(&a.file, "file", "", "the file to be written (default: the standard output)")
	serverFlag(c, &server)
	return c
}

// path is what is asked of the server.
func (a reportAsked) path() (string, error) {
	path, ok := map[string]string{"json": "/sla.json", "csv": "/sla.csv", "html": "/sla/print", "pdf": "/sla/print"}[a.format]
	if !ok {
		return "", exit(exitUsage, "--format %s is not one of json, csv, html, pdf", a.format)
	}
	if a.period != "" && a.month != "" {
		return "", exit(exitUsage, "give either --period or --month")
	}
	document := path == "/sla/print"
	if !document && a.customer+a.language != "" {
		return "", exit(exitUsage, "--customer and --language are for --format html and pdf")
	}
	if a.format == "pdf" && a.file == "" {
		return "", exit(exitUsage, "a PDF is not for a terminal: give --output FILE")
	}
	q := url.Values{}
	for name, value := range map[string]string{"period": a.period, "month": a.month, "service": a.service, "customer": a.customer, "lang": a.language} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return path + "?" + q.Encode(), nil
}

// selfContained puts the style sheet into a page, which can then be sent on as one file.
func selfContained(ctx context.Context, api *client, page []byte) ([]byte, error) {
	link := regexp.MustCompile(`<link rel="stylesheet" href="(/assets/[^"]+)">`)
	found := link.FindSubmatchIndex(page)
	if found == nil {
		return nil, errors.New("the guardian's page has no style sheet: is it of another version than this command?")
	}
	style, err := api.call(ctx, request{method: http.MethodGet, path: string(page[found[2]:found[3]])})
	if err != nil {
		return nil, fmt.Errorf("read the style sheet: %w", err)
	}
	var out bytes.Buffer
	for _, part := range [][]byte{page[:found[0]], []byte("<style>\n"), style, []byte("</style>"), page[found[1]:]} {
		out.Write(part)
	}
	return out.Bytes(), nil
}

// printed makes a PDF of a page, by a browser that may reach nothing.
func printed(ctx context.Context, page []byte) ([]byte, error) {
	browser, ok := probes.FindChromium()
	if !ok {
		return nil, errors.New("a PDF is made by Chromium or Chrome, which is not on the PATH: install chromium, or print the file of --format html with any browser")
	}
	dir, err := os.MkdirTemp("", "guardian-report-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	from, to := filepath.Join(dir, "report.html"), filepath.Join(dir, "report.pdf")
	if err := os.WriteFile(from, page, 0o600); err != nil {
		return nil, err
	}
	args := []string{
		"--headless", "--disable-gpu", "--no-first-run", "--disable-extensions", "--proxy-server=127.0.0.1:9", "--user-data-dir=" + filepath.Join(dir, "profile"),
		"--no-pdf-header-footer", "--print-to-pdf=" + to, "file://" + from,
	}
	if os.Geteuid() == 0 {
		args = append([]string{"--no-sandbox"}, args...) // Chromium refuses to run as root otherwise; the page is our own
	}
	out, err := exec.CommandContext(ctx, browser, args...).CombinedOutput()
	pdf, missing := os.ReadFile(to)
	if missing != nil {
		if err == nil {
			err = missing
		}
		return nil, fmt.Errorf("%s made no PDF: %w\n%s", browser, err, bytes.TrimSpace(out))
	}
	return pdf, nil
}
