package probes

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"

	"guardian/internal/reason"
	"guardian/probes/sample"
)

// DNSSettings configure a check of kind dns: one question to one named server.
//
//	what happened                                        | health
//	the answer has the wanted code and records           | Up
//	another code, records missing or too many            | Down
//	the server refuses, or does not answer in time       | Down
//	what the fault table says of this machine            | Unknown
type DNSSettings struct {
	Server        string   `yaml:"server" doc:"The name server, as host or host:port; default port: 53."`
	AddressFamily string   `yaml:"address_family" doc:"Addresses of the server to use: any, ip4 or ip6."`
	Protocol      string   `yaml:"protocol" doc:"udp or tcp; after a truncated answer over udp, tcp is used."`
	Name          string   `yaml:"name" doc:"The name to query, such as shop.example.com."`
	Type          string   `yaml:"type" doc:"Record type: A, AAAA, CNAME, MX, TXT, NS, SOA or CAA."`
	Recursion     bool     `yaml:"recursion" doc:"Request recursion; false: query only what the server knows itself."`
	Rcodes        []string `yaml:"rcodes" doc:"Accepted response codes, such as NOERROR or NXDOMAIN; default: NOERROR."`
	Answers       []string `yaml:"answers" doc:"Records that the answer must contain, such as 192.0.2.1 or 10 mail.example.com."`
	Exactly       bool     `yaml:"exactly" doc:"Whether other records than answers are forbidden."`
	Matches       string   `yaml:"matches" doc:"Regular expression that every record must match."`
	MinAnswers    int      `yaml:"min_answers" doc:"Minimum number of records of the type with NOERROR."`
}

// Validate joins every mistake.
func (s *DNSSettings) Validate() error {
	errs := []error{validFamily(s.AddressFamily)}
	if s.Server == "" {
		errs = append(errs, errors.New("server is missing: name the server to ask, such as 192.0.2.53"))
	} else if err := validAddress(s.target().Address); err != nil {
		errs = append(errs, fmt.Errorf("server %w", err))
	}
	if s.Protocol != "udp" && s.Protocol != "tcp" {
		errs = append(errs, fmt.Errorf("protocol %q is not one of udp, tcp", s.Protocol))
	}
	if _, ok := dns.IsDomainName(s.Name); !ok || s.Name == "" {
		errs = append(errs, fmt.Errorf("name %q is not a name such as shop.example.com", s.Name))
	}
	if !slices.Contains(dnsTypes(), s.Type) {
		errs = append(errs, fmt.Errorf("type %q is not one of %s", s.Type, strings.Join(dnsTypes(), ", ")))
	}
	for i, code := range s.Rcodes {
		if _, ok := dns.StringToRcode[code]; !ok {
			errs = append(errs, fmt.Errorf("rcodes[%d]: %q is not a response code such as NOERROR, NXDOMAIN, SERVFAIL, REFUSED", i, code))
		}
	}
	if s.Exactly && len(s.Answers) == 0 {
		errs = append(errs, errors.New("exactly: give answers, too"))
	}
	if _, err := regexp.Compile(s.Matches); err != nil {
		errs = append(errs, fmt.Errorf("matches: %w", err))
	}
	if s.MinAnswers < 0 {
		errs = append(errs, fmt.Errorf("min_answers is %d, must be at least 0", s.MinAnswers))
	}
	return errors.Join(errs...)
}

func dnsTypes() []string { return []string{"A", "AAAA", "CNAME", "MX", "TXT", "NS", "SOA", "CAA"} }

func (s *DNSSettings) target() *Target {
	address := s.Server
	if _, _, err := net.SplitHostPort(address); err != nil {
		address = net.JoinHostPort(strings.Trim(address, "[]"), "53")
	}
	return &Target{Address: address, AddressFamily: s.AddressFamily}
}

func dnsKind() Kind {
	return Kind{
		Settings: func() any {
			return &DNSSettings{AddressFamily: "any", Protocol: "udp", Type: "A", Recursion: true, MinAnswers: 1}
		},
		Build: func(settings any, env Env) (Probe, error) {
			return newDNSProbe(settings.(*DNSSettings), env)
		},
		Repeats: always,
		Produces: func(any) []string {
			return []string{"probe_dns_duration_seconds", "probe_dns_answer_rrs", "probe_dns_serial"}
		},
	}
}

type dnsProbe struct {
	settings *DNSSettings
	env      Env
	masks    masks
	matches  *regexp.Regexp
}

func newDNSProbe(s *DNSSettings, env Env) (*dnsProbe, error) {
	env = env.withDefaults()
	matches, err := regexp.Compile(s.Matches)
	if err != nil {
		return nil, fmt.Errorf("dns: matches: %w", err)
	}
	return &dnsProbe{settings: s, env: env, masks: newMasks(env), matches: matches}, nil
}

// dnsSize is the largest UDP answer that is asked for: it passes every network unfragmented (DNS
// flag day 2020).
const dnsSize = 1232

// Look asks once; once more without EDNS when the server does not know that, and once more over tcp
// when the answer was truncated.
func (p *dnsProbe) Look(ctx context.Context) sample.Observation {
	answer, values, f := p.ask(ctx, p.settings.Protocol, true)
	if f == nil && p.knowsNoEDNS(answer) {
		answer, values, f = p.ask(ctx, p.settings.Protocol, false)
	}
	if f == nil && answer.Truncated && p.settings.Protocol == "udp" {
		answer, values, f = p.ask(ctx, "tcp", answer.IsEdns0() != nil)
	}
	if f == nil {
		records := p.records(answer)
		values = append(values, sample.Value{Name: "probe_dns_answer_rrs", V: float64(len(records))})
		for _, rr := range answer.Answer {
			if soa, ok := rr.(*dns.SOA); ok {
				values = append(values, sample.Value{Name: "probe_dns_serial", V: float64(soa.Serial)})
				break
			}
		}
		f = p.judge(answer, records)
	}
	o := observed(f, values)
	if f != nil && answer != nil {
		o.Detail = shorten(printable(answer.String()), detailBody)
	}
	return p.masks.observation(o)
}

// knowsNoEDNS reports whether a server may have refused a question because of its EDNS record (RFC
// 6891, 7), and not because of the question.
func (p *dnsProbe) knowsNoEDNS(answer *dns.Msg) bool {
	switch answer.Rcode {
	case dns.RcodeFormatError, dns.RcodeNotImplemented, dns.RcodeBadVers:
		return !slices.Contains(p.settings.Rcodes, dns.RcodeToString[answer.Rcode])
	}
	return false
}

func (p *dnsProbe) ask(ctx context.Context, network string, edns bool) (*dns.Msg, []sample.Value, *fault) {
	const name = "probe_dns_duration_seconds"
	c, f := p.settings.target().connect(ctx, network, p.env.Now)
	defer c.Close()
	if f != nil {
		return nil, c.values(name), f
	}
	m := new(dns.Msg).SetQuestion(dns.Fqdn(p.settings.Name), dns.StringToType[p.settings.Type])
	m.RecursionDesired = p.settings.Recursion
	if edns {
		m.SetEdns0(dnsSize, false)
	}
	wait := DefaultTimeout
	if deadline, ok := ctx.Deadline(); ok {
		wait = max(time.Until(deadline), time.Millisecond)
	}
	asking := p.env.Now()
	answer, _, err := (&dns.Client{Net: network, Timeout: wait, UDPSize: dnsSize}).
		ExchangeWithConnContext(ctx, m, &dns.Conn{Conn: c.Conn, UDPSize: dnsSize})
	values := append(c.values(name), phaseValue(name, "request", p.env.Now().Sub(asking)))
	var broken *dns.Error
	switch {
	case errors.As(err, &broken):
		return nil, values, down(reason.New("dns_malformed", "error", strings.TrimPrefix(broken.Error(), "dns: ")))
	case err != nil:
		return nil, values, c.fault(ctx, err, reason.New("doing_answer"))
	}
	// A server that did not understand the question may leave it out.
	if q := answer.Question; len(q) > 0 && (!strings.EqualFold(q[0].Name, m.Question[0].Name) || q[0].Qtype != m.Question[0].Qtype) {
		return nil, values, down(reason.New("dns_other_question", "name", oneLine(printable(q[0].Name), 100), "type", dns.TypeToString[q[0].Qtype]))
	}
	return answer, values, nil
}

// records returns the data of the answer's records that have the type asked for.
func (p *dnsProbe) records(answer *dns.Msg) []string {
	var records []string
	for _, rr := range answer.Answer {
		if rr.Header().Rrtype != dns.StringToType[p.settings.Type] {
			continue // the chain of CNAMEs that leads there
		}
		record := strings.TrimPrefix(rr.String(), rr.Header().String())
		if txt, ok := rr.(*dns.TXT); ok {
			record = unescaped(strings.Join(txt.Txt, ""))
		}
		records = append(records, record)
	}
	return records
}

func (p *dnsProbe) judge(answer *dns.Msg, records []string) *fault {
	s := p.settings
	want := s.Rcodes
	if len(want) == 0 {
		want = []string{"NOERROR"}
	}
	if got := dns.RcodeToString[answer.Rcode]; !slices.Contains(want, got) {
		return down(reason.New("dns_rcode", "name", s.Name, "type", s.Type, "got", got, "want", strings.Join(want, ", ")))
	}
	if answer.Rcode != dns.RcodeSuccess {
		return nil
	}
	came := shorten(strings.Join(records, "; "), 300)
	if len(records) < s.MinAnswers {
		return down(reason.New("dns_too_few", "n", len(records), "type", s.Type, "name", s.Name, "least", s.MinAnswers))
	}
	for _, wanted := range s.Answers {
		if !slices.ContainsFunc(records, func(r string) bool { return p.same(r, wanted) }) {
			return down(reason.New("dns_record_missing", "wanted", wanted, "name", s.Name, "type", s.Type, "got", came))
		}
	}
	for _, record := range records {
		if !p.matches.MatchString(record) {
			return down(reason.New("dns_record_mismatch", "record", record, "name", s.Name, "type", s.Type, "pattern", p.matches))
		}
		if s.Exactly && !slices.ContainsFunc(s.Answers, func(w string) bool { return p.same(record, w) }) {
			return down(reason.New("dns_record_unwanted", "record", record, "name", s.Name, "type", s.Type))
		}
	}
	return nil
}

// unescaped returns a text as it is on the wire: miekg/dns escapes it as in a zone file, with \"
// and \DDD.
func unescaped(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' || i+1 == len(text) {
			b.WriteByte(text[i])
			continue
		}
		i++
		if i+3 <= len(text) {
			if n, err := strconv.ParseUint(text[i:i+3], 10, 8); err == nil {
				b.WriteByte(byte(n))
				i += 2
				continue
			}
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

// same compares records: addresses in any notation, names in any case and with or without the last
// dot.
func (p *dnsProbe) same(record, wanted string) bool {
	if p.settings.Type == "TXT" {
		return record == wanted
	}
	if a, err := netip.ParseAddr(wanted); err == nil {
		b, err := netip.ParseAddr(record)
		return err == nil && a == b
	}
	return strings.EqualFold(strings.TrimSuffix(record, "."), strings.TrimSuffix(wanted, "."))
}
