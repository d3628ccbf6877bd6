package probes_test

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"guardian/probes"
	"guardian/probes/sample"
)

// nameServer answers for the zone shop.test on udp and tcp of one port.
func nameServer(tb testing.TB) (address string) {
	tb.Helper()
	zone := map[string][]string{
		"shop.test. A":        {"shop.test. 60 IN A 192.0.2.10", "shop.test. 60 IN A 192.0.2.11"},
		"shop.test. AAAA":     {"shop.test. 60 IN AAAA 2001:db8::10"},
		"www.shop.test. A":    {"www.shop.test. 60 IN CNAME shop.test.", "shop.test. 60 IN A 192.0.2.10"},
		"shop.test. MX":       {"shop.test. 60 IN MX 10 mail.shop.test."},
		"shop.test. TXT":      {`shop.test. 60 IN TXT "v=spf1 " "-all"`},
		"said.shop.test. TXT": {`said.shop.test. 60 IN TXT "say \"hi\"; 订单"`},
		"shop.test. NS":       {"shop.test. 60 IN NS ns1.shop.test."},
		"shop.test. SOA":      {"shop.test. 60 IN SOA ns1.shop.test. admin.shop.test. 2026112201 1 2 3 4"},
		"shop.test. CAA":      {`shop.test. 60 IN CAA 0 issue "letsencrypt.org"`},
		"empty.shop.test. ":   nil,
	}
	for i := range 100 {
		zone["big.shop.test. A"] = append(zone["big.shop.test. A"], fmt.Sprintf("big.shop.test. 60 IN A 198.51.100.%d", i))
	}
	handle := dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		name, kind := q.Question[0].Name, dns.TypeToString[q.Question[0].Qtype]
		m := new(dns.Msg).SetReply(q)
		switch {
		case name == "slow.shop.test.":
			return
		case name == "refused.shop.test.":
			m.Rcode = dns.RcodeRefused
		case !strings.HasSuffix(name, "shop.test.") || name == "none.shop.test.":
			m.Rcode = dns.RcodeNameError
		}
		for _, text := range zone[name+" "+kind] {
			rr, err := dns.NewRR(text)
			if err != nil {
				tb.Errorf("%s: %v", text, err)
			}
			m.Answer = append(m.Answer, rr)
		}
		if name == "other.shop.test." {
			m.Question[0].Name = "shop.test."
		}
		if w.RemoteAddr().Network() == "udp" {
			m.Truncate(dns.MinMsgSize)
		}
		_ = w.WriteMsg(m)
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	udp, err := net.ListenPacket("udp", l.Addr().String())
	if err != nil {
		tb.Fatal(err)
	}
	for _, s := range []*dns.Server{{Listener: l, Handler: handle}, {PacketConn: udp, Handler: handle}} {
		started := make(chan struct{})
		s.NotifyStartedFunc = func() { close(started) }
		go func() { _ = s.ActivateAndServe() }()
		<-started
		tb.Cleanup(func() { _ = s.Shutdown() })
	}
	return l.Addr().String()
}

func TestDNS(t *testing.T) {
	server := nameServer(t)
	type set = func(*probes.DNSSettings)
	for name, tc := range map[string]struct {
		name, kind string
		set        set
		health     sample.Health
		reason     string
		records    float64
	}{
		"an address":                           {kind: "A", health: sample.Up, records: 2},
		"over tcp":                             {kind: "A", set: func(s *probes.DNSSettings) { s.Protocol = "tcp" }, health: sample.Up, records: 2},
		"an address of IPv6":                   {kind: "AAAA", set: func(s *probes.DNSSettings) { s.Answers = []string{"2001:DB8::10"} }, health: sample.Up, records: 1},
		"an address in another notation":       {kind: "AAAA", set: func(s *probes.DNSSettings) { s.Answers, s.Exactly = []string{"2001:0db8:0:0::10"}, true }, health: sample.Up, records: 1},
		"a text with quotes and of any script": {name: "said.shop.test", kind: "TXT", set: func(s *probes.DNSSettings) { s.Answers = []string{`say "hi"; 订单`} }, health: sample.Up, records: 1},
		"the answer to another question":       {name: "other.shop.test", kind: "A", health: sample.Down, reason: "the answer is for another question: shop.test. A"},
		"an address behind another name":       {name: "www.shop.test", kind: "A", set: func(s *probes.DNSSettings) { s.Answers, s.Exactly = []string{"192.0.2.10"}, true }, health: sample.Up, records: 1},
		"a mail server":                        {kind: "MX", set: func(s *probes.DNSSettings) { s.Answers = []string{"10 mail.shop.test"} }, health: sample.Up, records: 1},
		"a text in parts":                      {kind: "TXT", set: func(s *probes.DNSSettings) { s.Answers = []string{"v=spf1 -all"} }, health: sample.Up, records: 1},
		"a name server":                        {kind: "NS", set: func(s *probes.DNSSettings) { s.Matches = `^ns[0-9]\.` }, health: sample.Up, records: 1},
		"who may issue certificates":           {kind: "CAA", set: func(s *probes.DNSSettings) { s.Answers = []string{`0 issue "letsencrypt.org"`} }, health: sample.Up, records: 1},
		"a truncated answer is asked again":    {name: "big.shop.test", kind: "A", set: func(s *probes.DNSSettings) { s.MinAnswers = 100 }, health: sample.Up, records: 100},
		"a name that is not there is down":     {name: "none.shop.test", kind: "A", health: sample.Down, reason: "is NXDOMAIN, want NOERROR"},
		"unless that is wanted":                {name: "none.shop.test", kind: "A", set: func(s *probes.DNSSettings) { s.Rcodes = []string{"NXDOMAIN"} }, health: sample.Up},
		"a server that refuses is down":        {name: "refused.shop.test", kind: "A", health: sample.Down, reason: "REFUSED"},
		"no record of the type is down":        {name: "empty.shop.test", kind: "A", health: sample.Down, reason: "0 records of type A"},
		"unless none is needed":                {name: "empty.shop.test", kind: "A", set: func(s *probes.DNSSettings) { s.MinAnswers = 0 }, health: sample.Up},
		"an answer that is missing is down":    {kind: "A", set: func(s *probes.DNSSettings) { s.Answers = []string{"192.0.2.99"} }, health: sample.Down, reason: "192.0.2.99 is not among the answers", records: 2},
		"an answer too many is down":           {kind: "A", set: func(s *probes.DNSSettings) { s.Answers, s.Exactly = []string{"192.0.2.10"}, true }, health: sample.Down, reason: "192.0.2.11 for shop.test A is not a wanted one", records: 2},
		"an answer that does not match":        {kind: "A", set: func(s *probes.DNSSettings) { s.Matches = `\.10$` }, health: sample.Down, reason: "does not match", records: 2},
		"a server that does not answer":        {name: "slow.shop.test", kind: "A", health: sample.Down, reason: "no answer within"},
		"nobody listens, which udp can tell":   {kind: "A", set: func(s *probes.DNSSettings) { s.Server = refusedAddress(t) }, health: sample.Down, reason: "refused"},
		"a server whose name is not resolved":  {kind: "A", set: func(s *probes.DNSSettings) { s.Server = "guardian.invalid." }, reason: "guardian.invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := build(t, "dns", probes.Env{}, func(s *probes.DNSSettings) {
				s.Server, s.Name, s.Type = server, "shop.test", tc.kind
				if tc.name != "" {
					s.Name = tc.name
				}
				if tc.set != nil {
					tc.set(s)
				}
			})
			timeout := 10 * time.Second
			if strings.Contains(name, "not answer") {
				timeout = 700 * time.Millisecond
			}
			o := look(t, p, timeout)
			if strings.Contains(name, "not resolved") {
				// A machine without a resolver does not know, one with a resolver knows better.
				if o.Health == sample.Up || !strings.Contains(o.Reason.String(), tc.reason) {
					t.Errorf("got %s %q", o.Health, o.Reason)
				}
				return
			}
			if o.Health != tc.health || !strings.Contains(o.Reason.String(), tc.reason) || (o.Health == sample.Up) != (o.Reason.IsZero()) {
				t.Errorf("got %s %q, want %s %q", o.Health, o.Reason, tc.health, tc.reason)
			}
			if tc.records > 0 && value(t, o, "probe_dns_answer_rrs") != tc.records {
				t.Errorf("%v records, want %v", value(t, o, "probe_dns_answer_rrs"), tc.records)
			}
			onlyPromised(t, "dns", &probes.DNSSettings{}, o)
		})
	}
}

func TestDNSTellsTheSerial(t *testing.T) {
	p := build(t, "dns", probes.Env{}, func(s *probes.DNSSettings) { s.Server, s.Name, s.Type = nameServer(t), "shop.test", "SOA" })
	if o := look(t, p, 20*time.Second); o.Health != sample.Up || value(t, o, "probe_dns_serial") != 2026112201 {
		t.Errorf("got %s %q %v", o.Health, o.Reason, o.Values)
	}
}

func TestDNSSettingsTellEveryMistake(t *testing.T) {
	s := probes.Builtin()["dns"].Settings().(*probes.DNSSettings)
	s.Protocol, s.Type, s.Rcodes, s.Exactly, s.Matches, s.MinAnswers, s.AddressFamily = "quic", "SRV", []string{"OOPS"}, true, "(", -1, "ip5"
	wantMistakes(t, s.Validate(), "server is missing", "protocol", `name ""`, "type", "rcodes[0]", "exactly", "matches", "min_answers", "ip5")
	s.Server = "a b:0"
	wantMistakes(t, s.Validate(), "server \"a b:0\" is not host:port")
}
