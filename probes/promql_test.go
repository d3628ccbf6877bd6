package probes_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"guardian/internal/secret"
	"guardian/probes"
	"guardian/probes/sample"
)

func TestPromQL(t *testing.T) {
	vector := func(elements ...string) string {
		return `{"status":"success","data":{"resultType":"vector","result":[` + strings.Join(elements, ",") + `]}}`
	}
	element := func(v string, labels string) string {
		return fmt.Sprintf(`{"metric":{%s},"value":[1,"%s"]}`, labels, v)
	}
	partial := func(answer string, warnings ...string) string {
		return strings.TrimSuffix(answer, "}") + `,"warnings":["` + strings.Join(warnings, `","`) + `"]}`
	}
	for name, tc := range map[string]struct {
		status int
		answer string
		set    func(*probes.PromQLSettings)
		health sample.Health
		reason string
	}{
		"a value that meets the condition is up": {answer: vector(element("1", "")), health: sample.Up},
		"a value that does not is down":          {answer: vector(element("0", `"__name__":"up","job":"a"`)), health: sample.Down, reason: `0 is not > 0: up{job="a"}`},
		"every value must":                       {answer: vector(element("1", `"a":"1"`), element("0", `"a":"2"`), element("0", `"a":"3"`)), health: sample.Down, reason: `0 is not > 0: {a="2"}, and 1 more`},
		"a scalar":                               {answer: `{"status":"success","data":{"resultType":"scalar","result":[1,"0.98"]}}`, set: func(s *probes.PromQLSettings) { s.UpIf = ">=0.99" }, health: sample.Down, reason: "0.98 is not >= 0.99"},
		"not a number is unknown":                {answer: vector(element("NaN", "")), health: sample.Unknown, reason: "not a number"},
		"a failure beside not a number is down":  {answer: vector(element("NaN", `"a":"1"`), element("0", `"a":"2"`)), health: sample.Down, reason: "0 is not > 0"},
		"infinity is a number":                   {answer: vector(element("+Inf", "")), health: sample.Up},
		"empty is unknown":                       {answer: vector(), health: sample.Unknown, reason: "the result is empty"},
		"empty may be up":                        {answer: vector(), set: func(s *probes.PromQLSettings) { s.Empty = "up" }, health: sample.Up},
		"empty may be down":                      {answer: vector(), set: func(s *probes.PromQLSettings) { s.Empty = "down" }, health: sample.Down, reason: "the result is empty"},
		"a matrix is unknown":                    {answer: `{"status":"success","data":{"resultType":"matrix","result":[]}}`, health: sample.Unknown, reason: "want a scalar or an instant vector"},
		"an error is unknown":                    {status: 400, answer: `{"status":"error","errorType":"bad_data","error":"parse error at char 3"}`, health: sample.Unknown, reason: "bad_data: parse error at char 3"},
		"a failure of the server is unknown":     {status: 503, answer: "down for maintenance", health: sample.Unknown, reason: "the query was not answered: server_error"},
		"a part of the stores is unknown, though it would be up": {
			answer: partial(vector(element("1", "")), "failed to receive any data in 30s from Addr: store-b:10901: context deadline exceeded"),
			health: sample.Unknown, reason: "the answer is not whole: failed to receive any data",
		},
		"a part of the stores is unknown, though it would be down": {
			answer: partial(vector(element("0", "")), "fetch series for store-a: connection refused", "store-b: EOF"),
			health: sample.Unknown, reason: "connection refused, and 1 warning more",
		},
		"an empty part is unknown, whatever empty means": {
			answer: partial(vector(), "No StoreAPIs matched for this query"), set: func(s *probes.PromQLSettings) { s.Empty = "up" },
			health: sample.Unknown, reason: "No StoreAPIs matched",
		},
		"what VictoriaMetrics marks as a part": {
			answer: `{"status":"success","isPartial":true,"data":{"resultType":"vector","result":[{"metric":{},"value":[1,"1"]}]}}`,
			health: sample.Unknown, reason: "the answer is not whole: the server marks it as partial",
		},
		"what VictoriaMetrics marks as the whole": {
			answer: `{"status":"success","isPartial":false,"data":{"resultType":"vector","result":[{"metric":{},"value":[1,"1"]}]}}`, health: sample.Up,
		},
		"a remark on the expression is no missing part": {
			answer: partial(vector(element("1", "")), "PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket"),
			health: sample.Up,
		},
		"not Prometheus is unknown": {answer: "<html>", health: sample.Unknown, reason: "the query was not answered"},
	} {
		t.Run(name, func(t *testing.T) {
			url := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if r.FormValue("query") != "up" || r.Header.Get("Authorization") != "Bearer hunter22" {
					t.Errorf("asked %v with %v", r.Form, r.Header)
				}
				if tc.status != 0 {
					w.WriteHeader(tc.status)
				}
				_, _ = io.WriteString(w, tc.answer)
			})
			p := build(t, "promql", probes.Env{}, func(s *probes.PromQLSettings) {
				s.Server, s.Query = url, "up"
				s.Headers = map[string]secret.Secret{"Authorization": secret.New("Bearer hunter22")}
				if tc.set != nil {
					tc.set(s)
				}
			})
			o := look(t, p, time.Second)
			if o.Health != tc.health || !strings.Contains(o.Reason.String(), tc.reason) || (o.Health == sample.Up) != (o.Reason.IsZero()) {
				t.Errorf("got %s %q, want %s %q", o.Health, o.Reason, tc.health, tc.reason)
			}
		})
	}
}

func TestPromQLValuesKeepTheChecksLabels(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"x","service":"theirs","team":"b","job":"a"},"value":[1,"7"]}]}}`)
	})
	p := build(t, "promql", probes.Env{Labels: map[string]string{"team": "ours"}}, func(s *probes.PromQLSettings) { s.Server, s.Query = url, "x" })
	if got := value(t, look(t, p, time.Second), "promql_value", "exported_service=theirs", "exported_team=b", "job=a"); got != 7 {
		t.Errorf("got %v", got)
	}
}

func TestPromQLKeepsSecrets(t *testing.T) {
	const token, password = "tok-5ae1c0ffee", "pass-77beef00"
	for name, server := range map[string]string{
		"refused": "127.0.0.1:1",
		"hanging": strings.TrimPrefix(serveTCP(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }), "http://"),
		"echoing": strings.TrimPrefix(serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = fmt.Fprintf(w, `{"status":"error","errorType":"bad_data","error":"%s %s"}`, r.Header.Get("X-Token"), r.Header.Get("Authorization"))
		}), "http://"),
	} {
		t.Run(name, func(t *testing.T) {
			p := build(t, "promql", probes.Env{}, func(s *probes.PromQLSettings) {
				s.Server, s.Query = "http://user:"+password+"@"+server, "up"
				s.Headers = map[string]secret.Secret{"X-Token": secret.New(token)}
			})
			begin := time.Now()
			o := look(t, p, 300*time.Millisecond)
			if o.Health != sample.Unknown || o.Reason.IsZero() || time.Since(begin) > 2*time.Second {
				t.Errorf("got %s %q after %s", o.Health, o.Reason, time.Since(begin))
			}
			wantSilent(t, o, token, password)
		})
	}
}

func TestPromQLSettingsTellEveryMistake(t *testing.T) {
	s := &probes.PromQLSettings{Server: "prometheus:9090", UpIf: "big", Empty: "?", Headers: map[string]secret.Secret{"a b": secret.New("x\n")}}
	err := s.Validate()
	for _, want := range []string{"server is not", "query is missing", "up_if", "empty", `"a b" is not a header name`, "line break"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in: %v", want, err)
		}
	}
}
