package config

import (
	"fmt"

	"github.com/prometheus/common/model"
)

// checkPace finds what a check cannot be: retried where a look changes something, rechecked
// hardly more often than it is looked at, or a control that cannot look by itself.
func (d *decoder) checkPace(c *Check, path string) {
	d.validate(&c.Retry, path+".retry")
	d.validate(&c.Recheck, path+".recheck")
	if !name.MatchString(c.NetworkPath) {
		d.blame(path+".network_path", fmt.Sprintf("%q cannot be a name", shorten(c.NetworkPath, 60)), "use letters, digits, dots, dashes and underscores")
	}
	kind, ok := d.options.Probes[c.Kind]
	if !ok || c.Settings == nil {
		return
	}
	costs := len(c.Uses()) > 0
	if c.Retry.Times > 0 && (costs || !kind.MayRepeat(c.Settings)) {
		d.blame(path+".retry", "a look of this check may change something or use quota, so it must not be retried", "remove it")
	}
	if pauses := c.Retry.Pause * model.Duration(c.Retry.Times); pauses > c.Timeout/2 {
		d.blame(path+".retry.pause", fmt.Sprintf("the pauses take %s of the timeout of %s, which all tries share", pauses, c.Timeout), "leave at least half of the timeout to the tries")
	}
	if c.Recheck.Interval > c.gap()/2 {
		d.blame(path+".recheck.interval", fmt.Sprintf("%s is more than half of the %s between two looks", c.Recheck.Interval, c.gap()), "rechecks must be at least twice as frequent")
	}
	if c.Recheck.Interval > 0 && kind.Passive {
		d.blame(path+".recheck", "others report to this check, so rechecks are of no use", "remove it")
	}
	if c.Control && (kind.Active || kind.Passive || costs) {
		d.blame(path+".control", "a control must be a check that can look at any time", "use a check that only reads, of a target that is always up")
	}
}
