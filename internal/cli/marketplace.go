package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"guardian/internal/secret"
	"guardian/probes/marketplace"
)

// maxInput bounds standard input, in bytes.
const maxInput = 16 << 20

func marketplaceCommand(s streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "marketplace",
		Short: "Sign, verify or explain one call of a marketplace's API",
		Long: `Each command reads one JSON object from standard input and prints one. Nothing is sent over
the network. docs/marketplaces.md has examples for every platform.`,
		Example: `  echo '{"platform":"shopify","status":200,"headers":{"X-Shopify-Shop-Api-Call-Limit":"32/40"}}' | guardian marketplace quota`,
	}
	c.AddCommand(
		signCommand(s), verifyCommand(s),
		meaningCommand(s, "classify", "Classify an answer: ok, throttled, bad credential, platform fault, …",
			`  echo '{"platform":"tiktok_shop","status":429,"headers":{},"body":"{\"code\":36009002}"}' | guardian marketplace classify`),
		meaningCommand(s, "quota", "Read the quota from an answer, and say where it was found",
			`  echo '{"platform":"shopify","status":200,"headers":{"X-Shopify-Shop-Api-Call-Limit":"32/40"}}' | guardian marketplace quota`),
	)
	return c
}

// callInput is what sign and verify read.
type callInput struct {
	Platform    string            `json:"platform"`
	Kind        string            `json:"kind"`
	Secret      string            `json:"secret"`
	AppKey      string            `json:"app_key"`
	PublicKey   string            `json:"public_key"`
	Method      string            `json:"method"`
	Path        string            `json:"path"`
	Query       map[string]string `json:"query"`
	Headers     headersInput      `json:"headers"`
	Body        string            `json:"body"`
	CallbackURL string            `json:"callback_url"`
}

func (in callInput) call() (marketplace.Call, marketplace.Keys) {
	return marketplace.Call{
			Method: in.Method, Path: in.Path, Query: in.Query, Header: http.Header(in.Headers), Body: []byte(in.Body), URL: in.CallbackURL,
		}, marketplace.Keys{
			Secret: secret.New(in.Secret), AppKey: in.AppKey, PublicKey: in.PublicKey,
		}
}

func signCommand(s streams) *cobra.Command {
	var output string
	var mask bool
	c := &cobra.Command{
		Use:   "sign",
		Short: "Sign a request, a push or a challenge as the platform does",
		Long: `Signs exactly the given call; it adds no parameter and no timestamp. The printed headers are
those to send. Where a platform does not sign requests they hold the access token; --mask
hides it.`,
		Example: `  echo '{"platform":"lazada","kind":"push","secret":"…","app_key":"123456","body":"{}"}' | guardian marketplace sign`,
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := knownOutput(output); err != nil {
				return err
			}
			var in callInput
			p, err := readInput(s.in, &in, &in.Platform)
			if err != nil {
				return err
			}
			call, keys := in.call()
			signed, err := p.Sign(marketplace.Kind(in.Kind), call, keys)
			if err != nil {
				return exit(exitUsage, "%s", oneLineError(err))
			}
			headers := map[string]string{}
			for name, value := range signed.Headers {
				// Without a signature a header holds the token itself.
				if mask && signed.Signature == "" && in.Secret != "" {
					value = strings.ReplaceAll(value, in.Secret, secret.Mask)
				}
				headers[name] = value
			}
			if output == "json" {
				return printJSON(s.out, struct {
					Signature string            `json:"signature"`
					Headers   map[string]string `json:"headers"`
					Reason    string            `json:"reason,omitempty"`
				}{signed.Signature, headers, signed.Reason})
			}
			var text strings.Builder
			fmt.Fprintf(&text, "signature: %s\n", signed.Signature)
			for _, name := range slices.Sorted(maps.Keys(headers)) {
				fmt.Fprintf(&text, "%s: %s\n", name, headers[name])
			}
			if signed.Reason != "" {
				fmt.Fprintln(&text, signed.Reason)
			}
			_, err = io.WriteString(s.out, text.String())
			return err
		},
	}
	jsonFlag(c, &output)
	c.Flags().BoolVar(&mask, "mask", false, "print <secret> instead of an access token")
	return c
}

func verifyCommand(s streams) *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:     "verify",
		Short:   "Verify the signature of a request, a push or a challenge's answer",
		Long:    "Exits 0 whether the signature is valid or not, and 2 when something needed to verify it is missing.",
		Example: `  echo '{"platform":"shopify","kind":"push","secret":"…","headers":{"X-Shopify-Hmac-Sha256":"…"},"body":"{}"}' | guardian marketplace verify`,
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := knownOutput(output); err != nil {
				return err
			}
			var in callInput
			p, err := readInput(s.in, &in, &in.Platform)
			if err != nil {
				return err
			}
			call, keys := in.call()
			v, err := p.Verify(marketplace.Kind(in.Kind), call, keys)
			if err != nil {
				return exit(exitUsage, "%s", oneLineError(err))
			}
			if output == "json" {
				return printJSON(s.out, struct {
					Valid  bool   `json:"valid"`
					Reason string `json:"reason"`
				}{v.Valid, v.Reason})
			}
			word := "not valid"
			if v.Valid {
				word = "valid"
			}
			_, err = fmt.Fprintf(s.out, "%s: %s\n", word, v.Reason)
			return err
		},
	}
	jsonFlag(c, &output)
	return c
}

// answerInput is a captured answer.
type answerInput struct {
	Platform  string `json:"platform"`
	Operation string `json:"operation"`
	Request   struct {
		Method string `json:"method"`
		Path   string `json:"path"`
	} `json:"request"`
	Status  int          `json:"status"`
	Headers headersInput `json:"headers"`
	Body    bodyInput    `json:"body"`
}

type readingOutput struct {
	Operation string   `json:"operation"`
	Limit     *float64 `json:"limit,omitempty"`
	Remaining *float64 `json:"remaining,omitempty"`
	Used      *float64 `json:"used,omitempty"`
	UsedRatio *float64 `json:"used_ratio,omitempty"`
	ResetAt   string   `json:"reset_at,omitempty"`
	Source    string   `json:"source"`
}

type meaningOutput struct {
	Class      string          `json:"class"`
	RetryAfter *float64        `json:"retry_after_seconds,omitempty"`
	Words      string          `json:"words"`
	Quota      []readingOutput `json:"quota,omitempty"`
}

func meaningCommand(s streams, use, short, example string) *cobra.Command {
	var output string
	c := &cobra.Command{
		Use: use, Short: short, Example: example,
		Long: `Input: {platform, operation?, request?: {method, path}, status, headers, body}. Durations
count from the answer's Date header, or from now where it has none.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := knownOutput(output); err != nil {
				return err
			}
			var in answerInput
			p, err := readInput(s.in, &in, &in.Platform)
			if err != nil {
				return err
			}
			if in.Status < 100 || in.Status > 599 {
				return exit(exitUsage, "status is %d: must be the HTTP status of the answer, 100 to 599", in.Status)
			}
			h := http.Header(in.Headers)
			now := time.Now()
			if date, err := http.ParseTime(h.Get("Date")); err == nil {
				now = date
			}
			m := p.Read(marketplace.Answer{
				Operation: in.Operation, Method: in.Request.Method, Path: in.Request.Path,
				Status: in.Status, Header: h, Body: []byte(in.Body),
			}, now)
			return printMeaning(s.out, m, output)
		},
	}
	jsonFlag(c, &output)
	return c
}

func printMeaning(w io.Writer, m marketplace.Meaning, output string) error {
	said := meaningOutput{Class: string(m.Class), Words: m.Why.String()}
	if m.RetryAfter != nil {
		seconds := math.Round(m.RetryAfter.Seconds()*1000) / 1000
		said.RetryAfter = &seconds
	}
	for _, r := range m.Quota {
		one := readingOutput{Operation: r.Operation, Limit: r.Limit, Remaining: r.Remaining, Used: r.Used, Source: string(r.Source)}
		if ratio, ok := r.UsedRatio(); ok {
			ratio = math.Round(ratio*1e6) / 1e6
			one.UsedRatio = &ratio
		}
		if r.ResetAt != nil {
			one.ResetAt = r.ResetAt.UTC().Truncate(time.Millisecond).Format(time.RFC3339Nano)
		}
		said.Quota = append(said.Quota, one)
	}
	if output == "json" {
		return printJSON(w, said)
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%s: %s\n", said.Class, said.Words)
	if said.RetryAfter != nil {
		fmt.Fprintf(&text, "retry after %v s\n", *said.RetryAfter)
	}
	for _, q := range said.Quota {
		text.WriteString("quota")
		if q.Operation != "" {
			text.WriteString(" of " + q.Operation)
		}
		fmt.Fprintf(&text, ", source %s:", q.Source)
		for _, n := range []struct {
			name string
			v    *float64
		}{{"limit", q.Limit}, {"remaining", q.Remaining}, {"used", q.Used}, {"used_ratio", q.UsedRatio}} {
			if n.v != nil {
				fmt.Fprintf(&text, " %s %v", n.name, *n.v)
			}
		}
		if q.ResetAt != "" {
			fmt.Fprintf(&text, " reset_at %s", q.ResetAt)
		}
		text.WriteString("\n")
	}
	_, err := io.WriteString(w, text.String())
	return err
}

func jsonFlag(c *cobra.Command, into *string) {
	c.Flags().StringVarP(into, "output", "o", "json", "output format: text or json")
}

// readInput decodes standard input and finds the platform it names. Its errors name fields
// and never quote values, because one of them is a secret.
func readInput(r io.Reader, into any, platform *string) (marketplace.Platform, error) {
	none := marketplace.Platform{}
	raw, err := io.ReadAll(io.LimitReader(r, maxInput+1))
	if err != nil {
		return none, exit(exitUsage, "read standard input: %s", err)
	}
	if len(raw) > maxInput {
		return none, exit(exitUsage, "standard input is longer than %d bytes", maxInput)
	}
	if len(bytes.TrimSpace(raw)) == 0 {
		return none, exit(exitUsage, "standard input is empty; it must be one JSON object, see the example of --help")
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return none, exit(exitUsage, "standard input: %s", inputError(err))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return none, exit(exitUsage, "standard input: unexpected data after the JSON object")
	}
	p, err := marketplace.Find(*platform)
	if err != nil {
		return none, exit(exitUsage, "%s", err)
	}
	return p, nil
}

func inputError(err error) string {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	var field *fieldError
	switch {
	case errors.As(err, &field):
		return field.text
	case errors.As(err, &syntax):
		return fmt.Sprintf("invalid JSON at byte %d", syntax.Offset)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "invalid JSON: unexpected end"
	case errors.As(err, &kind) && kind.Field == "":
		return "must be one JSON object"
	case errors.As(err, &kind):
		what, _, _ := strings.Cut(kind.Value, " ")
		want := "a string"
		switch kind.Field {
		case "status":
			want = "a whole number"
		case "request":
			want = "an object"
		case "query":
			want = "an object of strings"
		}
		return fmt.Sprintf("%s must be %s, not a %s", kind.Field, want, what)
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return "unknown field " + name + "; see --help and docs/marketplaces.md for the fields"
	}
	return "not a valid request"
}

type fieldError struct{ text string }

func (e *fieldError) Error() string { return e.text }

// headersInput is an object of strings or lists of strings; names are case-insensitive.
type headersInput http.Header

// UnmarshalJSON implements json.Unmarshaler.
func (h *headersInput) UnmarshalJSON(b []byte) error {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(b, &raw); err != nil {
		return &fieldError{"headers must be an object of strings or lists of strings"}
	}
	all := http.Header{}
	for _, name := range slices.Sorted(maps.Keys(raw)) {
		var one string
		var many []string
		switch {
		case json.Unmarshal(raw[name], &one) == nil:
			all.Add(name, one)
		case json.Unmarshal(raw[name], &many) == nil:
			for _, v := range many {
				all.Add(name, v)
			}
		default:
			return &fieldError{"headers." + name + " must be a string or a list of strings"}
		}
	}
	*h = headersInput(all)
	return nil
}

// bodyInput is a body as a string, or, when it was JSON, that JSON itself.
type bodyInput string

// UnmarshalJSON implements json.Unmarshaler.
func (t *bodyInput) UnmarshalJSON(b []byte) error {
	switch {
	case string(b) == "null":
		*t = ""
	case len(b) > 0 && b[0] == '"':
		var s string
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
		*t = bodyInput(s)
	default:
		*t = bodyInput(b)
	}
	return nil
}

// oneLineError writes joined errors on one line.
func oneLineError(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }
