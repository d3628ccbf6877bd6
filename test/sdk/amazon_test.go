package sdk_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"

	probed "guardian/probes/marketplace"
	"guardian/test/fake/marketplace"
)

// said is what the client returned for one call.
type said struct {
	Call, Error, Type   string
	Status              int
	Data                json.RawMessage
	Rate                any // of a header text, of the client's own table a number
	Method, Path        string
	Burst               float64
	order, code, detail string
}

// sellingPartner runs the Node.js client against an address, through a recorder.
func sellingPartner(t *testing.T, address, token string) map[string][]said {
	t.Helper()
	if _, err := os.Stat("node/node_modules"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("the client is not installed: make sdk")
		}
		t.Skip("the client is not installed: make sdk")
	}
	var errs bytes.Buffer
	node := exec.CommandContext(t.Context(), "node", "amazon.mjs", address, token)
	node.Dir, node.Stderr = "node", &errs
	out, err := node.Output()
	if err != nil {
		t.Fatalf("node: %v\n%s", err, errs.String())
	}
	all := map[string][]said{}
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		var s said
		if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
			t.Fatalf("%v in %s", err, lines.Text())
		}
		var data struct {
			Payload struct {
				ID string `json:"orderId"`
			}
			Errors []struct{ Code, Details string }
		}
		_ = json.Unmarshal(s.Data, &data) // errors have other bodies
		s.order = data.Payload.ID
		if len(data.Errors) > 0 {
			s.code, s.detail = data.Errors[0].Code, data.Errors[0].Details
		}
		all[s.Call] = append(all[s.Call], s)
	}
	return all
}

// TestSellingPartnerAPIAtAmazon lets a client of the Selling Partner API for Node read orders.
func TestSellingPartnerAPIAtAmazon(t *testing.T) {
	amazon, err := probed.Find("amazon")
	if err != nil {
		t.Fatal(err)
	}
	market := marketplace.New("amazon")
	defer market.Close()
	market.AddOrder(marketplace.Order{ID: "902-1845936-5435065", SKU: "TEST-1", Quantity: 1})
	to := &towards{host: hostOf(t, market.URL())}
	target, err := url.Parse(market.URL())
	if err != nil {
		t.Fatal(err)
	}
	recorder := httptest.NewServer(&httputil.ReverseProxy{Transport: to, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }})
	defer recorder.Close()
	token := market.Credentials().Token

	good := sellingPartner(t, recorder.URL, token)
	if o := good["getOrder"][0]; o.Status != http.StatusOK || o.order != "902-1845936-5435065" || o.Rate != "0.5" {
		t.Errorf("an order: %+v", o)
	}
	if m := to.class(t, "amazon"); m.Class != probed.OK || len(m.Quota) != 1 || *m.Quota[0].Limit != 0.0167 || good["getOrders"][0].Rate != "0.0167" {
		t.Errorf("orders are %s, quota %+v, and the client reads the rate %v", m.Class, m.Quota, good["getOrders"][0].Rate)
	}

	market.Storm(true)
	stormy := sellingPartner(t, recorder.URL, token)
	if o := stormy["getOrders"][0]; o.Status != http.StatusTooManyRequests || o.code != "QuotaExceeded" || o.Type != "SellingPartnerApiError" {
		t.Errorf("a throttle: %+v", o)
	}
	if m := to.class(t, "amazon"); m.Class != probed.Throttled {
		t.Errorf("a throttle is %s", m.Class)
	}
	// The answer has no rate header: the client uses its own table, as the quota planner does.
	if o, _ := amazon.Named("getOrders"); stormy["retry"][0].Rate != o.Rate {
		t.Errorf("the client would go on at %v a second, the guardian plans with %v", stormy["retry"][0].Rate, o.Rate)
	}
	market.Storm(false)

	refused := sellingPartner(t, recorder.URL, "another-token")
	if o := refused["getOrder"][0]; o.Status != http.StatusForbidden || o.code != "Unauthorized" || !strings.Contains(o.detail, "access token") {
		t.Errorf("another token: %+v", o)
	}
	if m := to.class(t, "amazon"); m.Class != probed.CredentialBad {
		t.Errorf("another token is %s", m.Class)
	}
	market.ExpireToken(true)
	if o := sellingPartner(t, recorder.URL, token)["getOrder"][0]; o.Status != http.StatusForbidden || !strings.Contains(o.detail, "expired") {
		t.Errorf("a token that has expired: %+v", o)
	}
	if m := to.class(t, "amazon"); m.Class != probed.CredentialBad {
		t.Errorf("a token that has expired is %s", m.Class)
	}

	if len(good["limit"]) == 0 {
		t.Error("the client knows no limits")
	}
	for _, l := range good["limit"] {
		// The client's table has expressions, the guardian's paths have names in braces.
		path := strings.NewReplacer(`^`, "", `$`, "", `\/`, "/", `[^\/]*`, "902-1845936-5435065").Replace(strings.ReplaceAll(l.Path, `[^\/]*`, "902-1845936-5435065"))
		o, ok := amazon.Operation(l.Method, path)
		if !ok || o.Rate != l.Rate || float64(o.Burst) != l.Burst {
			t.Errorf("%s %s: the client knows %v a second and %v at once, the guardian %s with %v and %d", l.Method, path, l.Rate, l.Burst, o.Name, o.Rate, o.Burst)
		}
	}
}
