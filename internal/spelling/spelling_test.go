package spelling_test

import (
	"fmt"
	"strings"
	"testing"

	"guardian/internal/spelling"
)

func TestMeant(t *testing.T) {
	known := []string{"orders", "order-sync", "price-sync", "to", "Now", "p"}
	for name, want := range map[string]string{
		"oders": "orders", "odrers": "orders", "order": "orders", "ORDERS": "orders", "order_sync": "order-sync", "prcie-snyc": "price-sync",
		"Too": "to",
		// A guess misleads where most of the letters differ, or the only one.
		"stock": "", "sync": "", "pricing": "", "x": "", "": "",
	} {
		if got := spelling.Meant(name, known); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
	if got := spelling.Nearest("stocks", known); got == "" {
		t.Error("nothing is like stocks, not even a little")
	}
	if got := spelling.Nearest("stocks", nil); got != "" {
		t.Errorf("%q is like stocks, of no names", got)
	}
}

func TestHint(t *testing.T) {
	var many []string
	for i := range 30 {
		many = append(many, fmt.Sprintf("shop-%02d", i))
	}
	for _, c := range []struct {
		known []string
		want  string
	}{
		{nil, "there are none"},
		{[]string{"stock"}, "known is stock"},
		{[]string{"orders"}, `did you mean "orders"?`},
		{[]string{"stock", "orders"}, `did you mean "orders"? known are stock, orders`},
		{many, "known are shop-00, " + strings.Join(many[1:24], ", ") + " and others"},
	} {
		if got := spelling.Hint("oders", c.known); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
