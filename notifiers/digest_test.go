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

// Forty lines "disk full" say nothing of where.
func TestNoticesOfADigestThatAreTitledAlikeDifferByTheirLabels(t *testing.T) {
	notice := func(title, instance string) notifiers.Notice {
		return notifiers.Notice{
			ID: instance + title, Tier: "warning", Tone: notifiers.Warn, Title: title,
			Labels: map[string]string{"alertname": "Disk", "instance": instance, "job": "node", "tier": "warning", "notice_event": instance},
		}
	}
	var all []notifiers.Notice
	for _, instance := range []string{"db-1", "db-2", "db-3"} {
		all = append(all, notice("disk full", instance))
	}
	all = append(all, notice("disk full", "db-4"), notice("disk slow", "db-5"), notice("disk of db-6 full", "db-6"), notice("disk of db-6 full", "db-6"))
	got := notifiers.Merge(all).Text
	for _, want := range []string{"disk full, instance=db-1\n", "disk full, instance=db-4\n", "disk slow\n", "disk of db-6 full\n"} {
		if !strings.Contains(got+"\n", want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
}
