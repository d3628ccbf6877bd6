package marketplace_test

import (
	"bytes"
	"crypto/elliptic"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"guardian/internal/secret"
	"guardian/probes/marketplace"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var order = marketplace.Order{
	ID: "902184593654", Shop: "14701711", Site: "SG", Delivery: "d-1", App: "2001887",
	At: time.Date(2026, 11, 22, 10, 0, 0, 123e6, time.UTC),
}

func TestPushesOfAnOrder(t *testing.T) {
	for _, p := range marketplace.Platforms() {
		if p.Push.Build == nil {
			continue
		}
		t.Run(p.Name, func(t *testing.T) {
			m := p.Push.Build(order)
			var text bytes.Buffer
			fmt.Fprintln(&text, m.Method)
			for _, name := range slices.Sorted(maps.Keys(m.Headers)) {
				fmt.Fprintf(&text, "%s: %s\n", name, m.Headers[name])
			}
			fmt.Fprintf(&text, "\n%s\n", m.Body)
			file := filepath.Join("testdata", "push", p.Name+".golden")
			if *update {
				if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, text.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if text.String() != string(want) {
				t.Errorf("got\n%s\nwant\n%s", text.String(), want)
			}
			if !json.Valid(m.Body) || !bytes.Contains(m.Body, []byte(order.ID)) {
				t.Error("no JSON, or without the order's ID")
			}
		})
	}
}

// What the builders make and Sign signs has to be what a receiver takes for the platform's,
// after it went over a wire.
func TestAPushIsValidWhereItArrives(t *testing.T) {
	private, public := pair(t, elliptic.P256())
	for _, name := range []string{"ebay", "lazada", "shopee", "shopify", "tiktok_shop", "walmart"} {
		t.Run(name, func(t *testing.T) {
			p := platform(t, name)
			keys := marketplace.Keys{Secret: secret.New("app-secret"), AppKey: "123456", PublicKey: public}
			signing := keys
			if name == "ebay" {
				signing.Secret = secret.New(private)
			}
			var address string
			got := make(chan marketplace.Verification, 1)
			receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				var body bytes.Buffer
				_, _ = body.ReadFrom(r.Body)
				v, err := p.Verify(marketplace.KindPush, marketplace.Call{Method: r.Method, Path: r.URL.Path, Header: r.Header, Body: body.Bytes(), URL: address}, keys)
				if err != nil {
					v.Reason = err.Error()
				}
				got <- v
			}))
			defer receiver.Close()
			address = receiver.URL + "/hook?shop=1"

			m := p.Push.Build(order)
			req, err := http.NewRequest(m.Method, address, bytes.NewReader(m.Body))
			if err != nil {
				t.Fatal(err)
			}
			for n, v := range m.Headers {
				req.Header.Set(n, v)
			}
			if name == "walmart" {
				req.Header.Set("WM_SEC.TIMESTAMP", "1795341600")
			}
			signed, err := p.Sign(marketplace.KindPush, marketplace.Call{Method: m.Method, Header: req.Header, Body: m.Body, URL: address}, signing)
			if err != nil {
				t.Fatal(err)
			}
			for n, v := range signed.Headers {
				req.Header.Set(n, v)
			}
			resp, err := receiver.Client().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if v := <-got; !v.Valid {
				t.Error(v.Reason)
			}
		})
	}
}

func TestWhichAnswerToAPushCounts(t *testing.T) {
	for name, tc := range map[string]struct {
		platform string
		status   int
		body     string
		took     time.Duration
		want     string // "" if it counts
	}{
		"shopee takes 204":                         {"shopee", 204, "", time.Minute, ""},
		"shopee wants no body":                     {"shopee", 200, "ok", 0, "a body of 2 bytes"},
		"lazada takes 200 in time":                 {"lazada", 200, "ok", 500 * time.Millisecond, ""},
		"lazada does not wait":                     {"lazada", 200, "", 501 * time.Millisecond, "501 ms until the answer instead of at most 500 ms"},
		"lazada takes nothing but 200":             {"lazada", 204, "", 0, "status 204 instead of 200"},
		"mercadolibre does not wait":               {"mercadolibre", 200, "", time.Second, "at most 500 ms"},
		"shopify waits for 5 s":                    {"shopify", 201, "ok", 5 * time.Second, ""},
		"shopify does not wait longer":             {"shopify", 200, "", 5001 * time.Millisecond, "at most 5 s"},
		"tiktok_shop does not say how long":        {"tiktok_shop", 200, "", time.Hour, ""},
		"a redirect is no answer":                  {"tiktok_shop", 302, "", 0, "status 302 instead of 200–299"},
		"ebay's receivers refuse with 412":         {"ebay", 412, "", 0, "status 412"},
		"everything that is wrong is told at once": {"shopee", 500, "x", 0, "status 500 instead of 200–299; a body of 1 byte instead of none"},
	} {
		var all strings.Builder
		for _, why := range platform(t, tc.platform).Push.Answer.Missed(tc.status, []byte(tc.body), tc.took) {
			all.WriteString(why.String() + "; ")
		}
		got := all.String()
		if (got == "") != (tc.want == "") || !strings.Contains(got, tc.want) {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

func TestIDsKeepTheirType(t *testing.T) {
	for id, want := range map[string]string{"14701711": `"shop_id":14701711`, "007": `"shop_id":"007"`, "a\"b": `"shop_id":"a\"b"`, "": `"shop_id":""`} {
		o := order
		o.Shop = id
		if body := platform(t, "shopee").Push.Build(o).Body; !bytes.Contains(body, []byte(want)) {
			t.Errorf("%q: %s", id, body)
		}
	}
}
