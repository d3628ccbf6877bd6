package cli_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestOverridesByTheCommandLine(t *testing.T) {
	var calls []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		calls = append(calls, r.Method+" "+r.URL.Path+" "+string(body))
		made := `{"id":"o_1","schedule":"orders","person":"siti","replaces":"wei","from":"2026-02-02T00:00:00Z","to":"2026-02-02T08:00:00Z","by":"ada"}`
		switch r.Method {
		case http.MethodPost:
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, made)
		case http.MethodDelete:
			w.WriteHeader(http.StatusNoContent)
		default:
			_, _ = io.WriteString(w, `{"overrides":[`+made+`]}`)
		}
	}))
	defer server.Close()
	const line = "o_1  orders: siti in place of wei from 2026-02-02T00:00:00Z to 2026-02-02T08:00:00Z, by ada\n"
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"--schedule", "orders", "--person", "siti", "--replaces", "wei", "--from", "2026-02-02T08:00:00+08:00", "--for", "8h"}, 0, line},
		{[]string{"list"}, 0, line},
		{[]string{"delete", "o_1"}, 0, "deleted\n"},
		{[]string{"--schedule", "orders", "--person", "siti"}, 2, "say either --until or --for"},
		{[]string{"--schedule", "orders", "--person", "siti", "--until", "2026-02-02T08:00:00Z", "--for", "8h"}, 2, "say either --until or --for"},
		{[]string{"--from", "tomorrow", "--for", "8h"}, 2, "is no time such as"},
	} {
		code, out, errs := runCLI(t, "", append(append([]string{"oncall", "override"}, c.args...), "--server", server.URL)...)
		if code != c.code || !strings.Contains(out+errs, c.says) {
			t.Errorf("%v: exit code %d: %s%s", c.args, code, out, errs)
		}
	}
	if len(calls) != 3 || calls[1] != "GET /api/v1/oncall/overrides " || calls[2] != "DELETE /api/v1/oncall/overrides/o_1 " {
		t.Fatalf("calls: %q", calls)
	}
	var body map[string]string
	if err := json.Unmarshal([]byte(strings.TrimPrefix(calls[0], "POST /api/v1/oncall/overrides ")), &body); err != nil || body["person"] != "siti" || body["replaces"] != "wei" {
		t.Errorf("%s: %v", calls[0], err)
	}
	if to, err := time.Parse(time.RFC3339, body["to"]); err != nil || !to.Equal(time.Date(2026, 2, 2, 8, 0, 0, 0, time.UTC)) {
		t.Errorf("to %s, %v", body["to"], err)
	}
}
