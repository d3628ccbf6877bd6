package cli_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"guardian/internal/cli"
)

// guardian runs a command line without input, and gives its exit code and all that it printed.
func guardian(args ...string) (code int, said string) {
	var out bytes.Buffer
	code = cli.Main(args, strings.NewReader(""), &out, &out)
	return code, out.String()
}

// A wrong command line is refused before anything is called, in words that say what the command takes.
func TestAWrongCommandLineSaysWhatIsRight(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { t.Errorf("%s %s was called", r.Method, r.URL) }))
	defer s.Close()
	t.Setenv("GUARDIAN_URL", s.URL)
	for line, want := range map[string]string{
		"nonsense":                                                `there is no command "nonsense" of guardian; see guardian --help`,
		"wach":                                                    "or watch?",
		"token nonsense":                                          `there is no command "nonsense" of guardian token`,
		"flag nonsense":                                           `there is no command "nonsense" of guardian flag`,
		"rollback show":                                           "guardian rollback show takes ID, not 0 arguments; see guardian rollback show --help",
		"rollback approve r_1 r_2":                                "takes ID, not 2 arguments",
		"rollback approve |":                                      "argument 1 of guardian rollback approve is blank: it takes ID",
		"flag reset |":                                            "is blank: it takes FLAG",
		"silence --comment x |":                                   "is blank: it takes MATCHER...",
		"gate --service orders extra":                             `unexpected argument "extra": guardian gate takes none`,
		"gate --srevice orders":                                   "unknown flag: --srevice; see guardian gate --help",
		"flag set pause on --for -2h":                             `--for "-2h": expected a duration such as 30m, 2h or 1d`,
		"flag set pause on --reason x":                            "--for and --reason are required",
		"flag set pause on --for 1h --reason |":                   "--for and --reason are required",
		"score --days few":                                        `--days "few": expected a whole number`,
		"score --days -1":                                         "--days must be between 1 and",
		"oncall --days -1":                                        "--days must not be less than 0",
		"watch --service a --version v1 --wait=foo":               `--wait: "foo" is not one of verdict, cured`,
		"watch --service a --version v1 --shop |":                 "--shop is blank: give it a value, or leave it out",
		"rollback --service a --dry-run --to |":                   "--to is blank",
		"rollback --service a --reason |":                         "--service and --reason are required",
		"token create --role king --name x":                       "--role king is not one of viewer, deployer, approver, admin",
		"token create --role admin --name |":                      "--name and --role are required",
		"gate --service a --server 127.0.0.1:9440":                "begins with neither http:// nor https://: write --server http://127.0.0.1:9440",
		"gate --service a --server ftp://x":                       `"ftp://x" is no address of a guardian`,
		"watch --service a --version v --wait --server shop:9440": "write --server http://shop:9440", // and not again for a minute
	} {
		var args []string
		for word := range strings.SplitSeq(line, " ") {
			if word != "" {
				args = append(args, strings.ReplaceAll(word, "|", " "))
			}
		}
		if code, said := guardian(args...); code != 2 || !strings.Contains(said, want) || strings.Contains(said, "arg(s)") {
			t.Errorf("%s: exit code %d, %q, want %q", line, code, said, want)
		}
	}
}

// What the API refuses is said by the words of the command line, without the API's own.
func TestWhatTheGuardianRefusesIsListed(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnprocessableEntity)
		_, _ = io.WriteString(w, `{"status":422,"title":"Unprocessable Entity","detail":"the request has mistakes: correct the fields named in errors","errors":[{"pointer":"/variant","detail":"there is no variant \"maybe\""},{"pointer":"?to","detail":"is no version"}]}`)
	}))
	defer s.Close()
	t.Setenv("GUARDIAN_URL", s.URL)
	code, said := guardian("flag", "set", "pause", "maybe", "--for", "1h", "--reason", "x")
	if want := "guardian: the guardian did not take this:\n  variant: there is no variant \"maybe\"\n  to: is no version\n"; code != 2 || said != want {
		t.Errorf("exit code %d, %q", code, said)
	}
}

// An answer that is not a guardian's is shown, with what to set.
func TestAnAddressOfSomethingElseIsNoticed(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "<!doctype html><title>Grafana</title>")
	}))
	defer s.Close()
	t.Setenv("GUARDIAN_URL", s.URL)
	for _, args := range [][]string{{"gate", "--service", "a"}, {"flag"}, {"flag", "reset", "a"}, {"rollback", "show", "r_1"}} {
		if code, said := guardian(args...); code != 2 || !strings.Contains(said, `"<!doctype html>`) || strings.Contains(said, "json") || strings.Contains(said, "invalid character") {
			t.Errorf("%q: exit code %d, %q", args, code, said)
		}
	}
}

// Commands that take something back ask for it by its ID, whatever is in it, and say what was done.
func TestTakingBackAsksForTheID(t *testing.T) {
	for line, c := range map[string]struct{ asked, says, json string }{
		"silence expire s/1":         {"DELETE /api/v1/silences/s%2F1", "ended\n", `{"ended":true,"id":"s/1"}` + "\n"},
		"oncall override delete o_1": {"DELETE /api/v1/oncall/overrides/o_1", "deleted\n", `{"deleted":true,"id":"o_1"}` + "\n"},
		"freeze end win_1":           {"DELETE /api/v1/windows/win_1", "", `{"name":"pause","variant":"off"}`},
		"flag reset pause":           {"DELETE /api/v1/flags/pause", "pause: off (default)\n", `{"name":"pause","variant":"off"}`},
	} {
		for _, output := range []string{"text", "json"} {
			var asked []string
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked = append(asked, r.Method+" "+r.URL.EscapedPath())
				_, _ = io.WriteString(w, `{"name":"pause","variant":"off"}`)
			}))
			code, said := guardian(append(strings.Fields(line), "--server", s.URL, "--output", output)...)
			s.Close()
			want := map[string]string{"text": c.says, "json": c.json}[output]
			if code != 0 || want != "" && said != want || len(asked) != 1 || asked[0] != c.asked {
				t.Errorf("%s --output %s: exit code %d, %q, asked %q", line, output, code, said, asked)
			}
		}
	}
}
