package notifiers_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"guardian/notifiers"
)

func TestANoticeThatIsRefusedDoesNotBlockTheOthersOfItsDigest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &messenger{answer: func(_ int, n notifiers.Notice) error {
			if strings.Contains(n.Title+n.Text, "bad") {
				return &notifiers.Permanent{Err: errors.New("errcode 430102")}
			}
			return nil
		}}
		k := open(t, one(m))
		for i := range 9 {
			k.put("oncall", "warning", fmt.Sprintf("k%d/n%d", i, i))
		}
		k.put("oncall", "warning", "kx/bad")
		k.start()
		pass(time.Minute)
		for _, d := range k.outbox.All() {
			want := notifiers.Delivered
			if strings.HasSuffix(d.ID, "bad") {
				want = notifiers.GivenUp
			}
			if d.State != want {
				t.Errorf("%s is %s, want %s", d.ID, d.State, want)
			}
		}
	})
}

func TestANoticeOfARefusedDigestIsNotMergedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var k *desk
		m := &messenger{answer: func(n int, x notifiers.Notice) error {
			if n == 1 { // the digest with the bad one: others arrive meanwhile
				for i := range 6 {
					k.put("oncall", "warning", fmt.Sprintf("later%d/l%d", i, i))
				}
			}
			if strings.Contains(x.Title+x.Text, "bad") {
				return &notifiers.Permanent{Err: errors.New("errcode 430102")}
			}
			return nil
		}}
		k = open(t, one(m))
		for i := range 9 {
			k.put("oncall", "warning", fmt.Sprintf("k%d/n%d", i, i))
		}
		k.put("oncall", "warning", "kx/bad")
		k.start()
		pass(time.Minute)
		refused := 0
		for _, c := range m.all() {
			if c.err != nil {
				refused++
			}
		}
		if calls := m.all(); refused != 2 || calls[1].notice.Key != "digest" || calls[1].err != nil {
			t.Errorf("%d of %d calls were refused, want the first digest and the bad notice alone; the second call is %+v", refused, len(calls), calls[1])
		}
	})
}
