package config

import (
	"fmt"
	"net"
	"net/netip"
	"strings"

	"guardian/probes"
)

// foreseeControls warns of controls that fail together with what they are to be told from. A control
// proves the network; one that looks at an own database or at the host of a service makes an outage
// of that look like a cut network, and nobody hears of it.
func (d *decoder) foreseeControls(c *Config) {
	for i := range c.Checks {
		control := &c.Checks[i]
		if !control.Control {
			continue
		}
		path := at("checks", i) + ".control"
		const hint = "use a target that others run and no deploy can break, such as a large site or a router, and two of them (docs/seeing.md)"
		if what := databaseOf(control); what != "" {
			d.warn(path, fmt.Sprintf("%s looks at %s: while that is down, the checks of network path %s count as unknown, and its outage is hidden",
				control.Name, what, control.NetworkPath), hint)
			continue
		}
		for j := range c.Checks {
			other := &c.Checks[j]
			if !other.Control && other.NetworkPath == control.NetworkPath && sameHost(control, other) {
				d.warn(path, fmt.Sprintf("%s looks at the host of check %s: while that is down, %s counts as unknown, and its outage is hidden",
					control.Name, other.Name, other.Name), hint)
				break
			}
		}
	}
}

// databaseOf names the database that a check looks at; "" if it looks at none.
func databaseOf(c *Check) string {
	if c.Kind == "sql" {
		return "a database of your own"
	}
	_, port, _ := net.SplitHostPort(looksAt(c))
	name := map[string]string{
		"1433": "SQL Server", "1521": "Oracle", "3306": "MySQL", "5432": "PostgreSQL", "6379": "Redis", "9200": "Elasticsearch",
		"27017": "MongoDB", "5672": "RabbitMQ", "9092": "Kafka",
	}[port]
	if name == "" {
		return ""
	}
	return "port " + port + ", which is " + name
}

// sameHost reports whether two checks look at one host. On the loopback interface every port is a
// host of its own.
func sameHost(a, b *Check) bool {
	one, other := looksAt(a), looksAt(b)
	hostOne, _, err1 := net.SplitHostPort(one)
	hostOther, _, err2 := net.SplitHostPort(other)
	if err1 != nil || err2 != nil {
		return false
	}
	if ip, err := netip.ParseAddr(hostOne); hostOne == "localhost" || err == nil && ip.IsLoopback() {
		return one == other
	}
	return strings.EqualFold(hostOne, hostOther)
}

func looksAt(c *Check) string {
	if s, ok := c.Settings.(probes.Hosted); ok {
		return s.LooksAt()
	}
	return ""
}
