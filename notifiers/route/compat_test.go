package route_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/prometheus/alertmanager/matcher/compat"
	"github.com/prometheus/common/promslog"

	"guardian/notifiers/route"
)

// Whatever text it is, it is read as Alertmanager reads it, apart from what would match everything or
// nothing by accident: an empty text, and a label without a name.
func FuzzMatchersAreAlertmanagers(f *testing.F) {
	for _, s := range []string{
		`tier=critical`, `{a="b",c!~"d"}`, `a=b c`, `a==b`, `a='b'`, `{a=b`, `a=b}`, `"x y"!="\n"`, `a=~(`, "\xff=1", `{`, `{}`, `a="\x00"`, "a\u2028=b", `a="\t"`,
		`foo="bar\"`, `foo="b"a"`, `,`, `a=b,`, `a=b,,`, `服务=订单`, `00=b`, `a=~"v1\.[0-9]+"`, `a!=`, `{a="b}"}`, `a="b,c",d=e`, `a ="b" , c!= d`,
	} {
		f.Add(s)
	}
	theirs := compat.FallbackMatchersParser(promslog.NewNopLogger())
	f.Fuzz(func(t *testing.T, text string) {
		if strings.TrimSpace(text) == "" || !utf8.ValidString(text) {
			return
		}
		want, wantErr := theirs(text, "test")
		got, err := route.ParseMatchers(text)
		for _, m := range want {
			if m.Name == "" {
				return
			}
		}
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%q: %v, Alertmanager: %v", text, err, wantErr)
		}
		if len(got) != len(want) {
			t.Fatalf("%q: %s, Alertmanager: %s", text, got, want)
		}
		for i, m := range want {
			if got[i].Name != m.Name || string(got[i].Op) != m.Type.String() || got[i].Value != m.Value || got[i].String() != m.String() {
				t.Errorf("%q: %s, Alertmanager: %s", text, got[i], m)
			}
		}
	})
}
