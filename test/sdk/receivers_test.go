package sdk_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"guardian/internal/secret"
	"guardian/probes"
	"guardian/probes/sample"
	"guardian/test/fake/marketplace"
)

// ordersOf is a journal of synthetic orders in memory.
type ordersOf struct {
	mu     sync.Mutex
	orders []probes.Order
}

func (j *ordersOf) Save(_ context.Context, o probes.Order) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if i := slices.IndexFunc(j.orders, func(x probes.Order) bool { return x.ID == o.ID }); i >= 0 {
		j.orders[i] = o
	} else {
		j.orders = append(j.orders, o)
	}
	return nil
}

func (j *ordersOf) Open(context.Context, string) ([]probes.Order, error) { return nil, nil }

// took is what a receiver said of one push.
type took struct {
	Status int
	Order  string
	Said   struct {
		Valid          bool
		Reason         string
		MissingHeaders []string
		Topic, Domain  string
		APIVersion     string `json:"apiVersion"`
		WebhookID      string `json:"webhookId"`
		EventID        string `json:"eventId"`
	}
}

// receiver runs a vendor's SDK as a seller's endpoint; next reads what it says of the next push.
func receiver(t *testing.T, args ...string) (address string, next func() took) {
	t.Helper()
	if _, err := os.Stat("node/node_modules"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("the SDKs are not installed: make sdk")
		}
		t.Skip("the SDKs are not installed: make sdk")
	}
	node := exec.CommandContext(t.Context(), "node", append([]string{"receiver.mjs"}, args...)...)
	node.Dir, node.Stderr = "node", os.Stderr
	out, err := node.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := node.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = node.Process.Kill(); _ = node.Wait() })
	lines := bufio.NewScanner(out)
	read := func(v any) {
		t.Helper()
		if !lines.Scan() {
			t.Fatalf("the receiver says nothing: %v", lines.Err())
		}
		if err := json.Unmarshal(lines.Bytes(), v); err != nil {
			t.Fatalf("%v in %s", err, lines.Text())
		}
	}
	var at struct{ Port int }
	read(&at)
	return fmt.Sprintf("http://127.0.0.1:%d", at.Port), func() took {
		t.Helper()
		var said took
		read(&said)
		return said
	}
}

// pushes builds a check of kind order_push that pushes to a receiver.
func pushes(t *testing.T, platform, address string, seller probes.Seller, variant string) (probes.Probe, *ordersOf) {
	t.Helper()
	kind := probes.Builtin()["order_push"]
	s := kind.Settings().(*probes.OrderPushSettings)
	s.Platform, s.Seller, s.Variant = platform, seller, variant
	s.Push.URL, s.Push.Timeout = address+"/push", model.Duration(20*time.Second)
	s.Lookup.HTTP = &probes.LookupHTTP{Request: probes.Request{URL: address + "/orders/{{.ID}}"}}
	s.Cleanup.HTTP = &probes.CleanupHTTP{Request: probes.Request{Method: "DELETE", URL: address + "/orders/{{.ID}}"}}
	s.Verify = []probes.Field{{JSON: "id", Equals: "{{.ID}}"}}
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	j := &ordersOf{}
	p, err := kind.Build(s, probes.Env{Check: "push", Orders: j, Every: time.Minute, Timeout: 50 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return p, j
}

func lookOnce(t *testing.T, p probes.Probe) sample.Observation {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Second)
	defer cancel()
	return p.Look(ctx)
}

// Shopify's own library accepts a push with all that it wants of one, and none that is forged.
func TestShopifysSDKTakesOurPushes(t *testing.T) {
	const key = "shpss_5f0c8a9e3b"
	address, next := receiver(t, "shopify", key)
	seller := probes.Seller{Shop: "fake.myshopify.com", Secret: secret.New(key)}
	for variant, want := range map[string]int{"": 200, "duplicate": 200, "out_of_order": 200, "late": 200, "bad_signature": 401} {
		p, j := pushes(t, "shopify", address, seller, variant)
		o := lookOnce(t, p)
		said := next()
		if o.Health != sample.Up || said.Status != want || j.orders[0].Stage != "cleaned" {
			t.Errorf("variant %q is %s %q, the SDK answers %d %s %v, the order is %s", variant, o.Health, o.Reason, said.Status, said.Said.Reason, said.Said.MissingHeaders, j.orders[0].Stage)
		}
		if variant == "duplicate" || variant == "out_of_order" {
			if again := next(); again.Status != want || again.Order != said.Order || (again.Said.WebhookID == said.Said.WebhookID) != (variant == "duplicate") {
				t.Errorf("variant %q: the second push is %+v, after %+v", variant, again, said)
			}
		}
		if s := said.Said; want == 200 && (!s.Valid || said.Order != j.orders[0].ID || s.Domain != seller.Shop || !strings.Contains(s.Topic, "ORDERS") || s.APIVersion == "" || s.WebhookID == "" || s.EventID == "") {
			t.Errorf("variant %q: the SDK reads %+v of order %s", variant, said, j.orders[0].ID)
		}
	}
}

// eBay's own library fetches the key of the push, and accepts what was signed with it and nothing else.
func TestEbaysSDKTakesOurPushes(t *testing.T) {
	private, public, err := marketplace.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	market := marketplace.New("ebay")
	defer market.Close()
	const kid = "5f0c8a9e-3b1d"
	market.SetEndpoint(marketplace.Endpoint{App: kid, Public: public})
	keys := market.Credentials()
	address, next := receiver(t, "ebay", market.URL(), keys.App, keys.Secret)
	seller := probes.Seller{AppKey: kid, Secret: secret.New(private)}
	for variant, want := range map[string]int{"": 204, "duplicate": 204, "late": 204, "bad_signature": 412} {
		p, j := pushes(t, "ebay", address, seller, variant)
		o := lookOnce(t, p)
		said := next()
		if o.Health != sample.Up || said.Status != want || want == 204 && said.Order != j.orders[0].ID || j.orders[0].Stage != "cleaned" {
			t.Errorf("variant %q is %s %q, the SDK answers %d for %q, the order %s is %s", variant, o.Health, o.Reason, said.Status, said.Order, j.orders[0].ID, j.orders[0].Stage)
		}
		if variant == "duplicate" {
			if again := next(); again.Status != want || again.Order != said.Order {
				t.Errorf("the second push is %+v, after %+v", again, said)
			}
		}
	}
	if answered, _ := market.Calls("getPublicKey"); answered == 0 {
		t.Error("the SDK never asked for the key, so the test proves nothing")
	}
}
