package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"guardian/test/world"
	"guardian/watch"
)

// witnesses are who sees an outage beside the service that was deployed.
func witnesses() []string {
	return []string{alone, "a control", "shops without the deploy", "another service on the marketplace"}
}

// alone is an outage that nobody else sees.
const alone = "nobody"

// outageSeenBy is a healthy deploy with an outage that begins a time after its hook, or before it.
func outageSeenBy(witness string, begins, length time.Duration) func(*rand.Rand) *world.World {
	return func(r *rand.Rand) *world.World {
		w := &world.World{Deploys: deployed(world.Fault{}, world.Hook{})}
		add := func(c world.Check) {
			c.Marketplace, c.Noise.Rate = "shopee", 0.002
			w.Checks = append(w.Checks, c)
		}
		add(world.Check{Name: "sg", Shop: "sg"})
		out := world.Outage{From: begins, For: length, Checks: []string{"sg"}}
		switch witness {
		case "a control":
			add(world.Check{Name: "outside", Control: true, Every: 5 * time.Second})
			out.Checks = append(out.Checks, "outside")
		case "shops without the deploy":
			for _, shop := range []string{"my", "th"} {
				add(world.Check{Name: shop, Shop: shop})
				out.Checks = append(out.Checks, shop)
			}
			w.Deploys[0].Shops = []string{"sg"}
		case "another service on the marketplace":
			for _, name := range []string{"prices", "stock"} {
				add(world.Check{Name: name, Of: world.Neighbour})
				out.Checks = append(out.Checks, name)
			}
		}
		w.Outages = []world.Outage{out}
		return w
	}
}

// innocent prints how often a healthy deploy fails because of an outage that is not its own. What others see too
// fails none; what nobody else sees may, and is shown: also how often the version before was put back without asking. It gives how many lines fail some.
func (t output) innocent() (broken int, err error) {
	t.say("\n| healthy deploy, outage of one check | %s |\n|---|%s\n", strings.Join(witnesses(), " | "), strings.Repeat("---|", len(witnesses())))
	seed := uint64(1000)
	for _, length := range []time.Duration{time.Minute, 5 * time.Minute, 30 * time.Minute} {
		for _, begins := range []time.Duration{-10 * time.Minute, -2 * time.Minute, -30 * time.Second, -5 * time.Second, 5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute} {
			what := fmt.Sprintf("%s, beginning %s before the hook", length, -begins)
			if begins > 0 {
				what = fmt.Sprintf("%s, beginning %s after the hook", length, begins)
			}
			if !strings.Contains(what, t.only) {
				continue
			}
			began := time.Now()
			line := "| " + what + " |"
			for _, witness := range witnesses() {
				seed++
				c := cell{what: what, world: outageSeenBy(witness, begins, length), forks: 4}
				got, err := c.measure(seed, max(t.streams/50, 8))
				if err != nil {
					return broken, err
				}
				failed, _ := state(watch.Failed)(got)
				line = fmt.Sprintf("%s failed %.1f %%", line, 100*failed)
				switch {
				case witness == alone:
					back, _ := got.share(func(x ending) bool { return x.back })
					line += fmt.Sprintf(", put back %.1f %%", 100*back)
				case failed > 0:
					broken++
					line += ", **does not hold**"
				}
				line += " |"
			}
			t.say("%s\n", line)
			t.tell("%6.1f s  %s\n", time.Since(began).Seconds(), line)
		}
	}
	return broken, nil
}
