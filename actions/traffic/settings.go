package traffic

import (
	"fmt"
	"net"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"guardian/actions"
)

// Settings is a step that moves traffic between pools of servers behind a load balancer.
type Settings struct {
	NGINX   *NGINXSettings   `yaml:"nginx" doc:"nginx on this machine: a file of its configuration is written, tested and loaded."`
	HAProxy *HAProxySettings `yaml:"haproxy" doc:"HAProxy, by its runtime API."`
	Servers []ServerSettings `yaml:"servers" doc:"All servers that the load balancer divides the traffic between."`
	Switch  string           `yaml:"switch" doc:"The pool that gets all traffic at once; a template."`
	Stages  []StageSettings  `yaml:"steps" doc:"Moves traffic in steps, instead of switch: the share of one pool rises from step to step."`
}

// ServerSettings is a server of a pool.
type ServerSettings struct {
	Pool    string `yaml:"pool" doc:"The pool that it belongs to, such as blue."`
	Server  string `yaml:"server" doc:"nginx: its address as the upstream has it; haproxy: its name in the backend."`
	Weight  int    `yaml:"weight" doc:"Its weight among the servers of its pool, 1 to 256; default: 1."`
	Options string `yaml:"options" doc:"nginx: further parameters of the server, such as max_fails=3 fail_timeout=5s."`
}

// StageSettings is one step of a move.
type StageSettings struct {
	To     string         `yaml:"to" doc:"The pool whose share rises; a template, the same in all steps."`
	Weight int            `yaml:"weight" doc:"Its share of all traffic in percent, 1 to 100; the other servers keep their proportions."`
	For    model.Duration `yaml:"for" doc:"How long the share is held before the next step."`
}

// NGINXSettings is nginx on this machine.
type NGINXSettings struct {
	File           string         `yaml:"file" doc:"The file that is written. It holds one upstream and nothing else, or what the template gives."`
	Upstream       string         `yaml:"upstream" doc:"The name of the upstream, whose servers are under servers."`
	Directives     []string       `yaml:"directives" doc:"Further directives of the upstream, such as keepalive 32."`
	Template       string         `yaml:"template" doc:"The whole file as a template with {{.To}}, instead of upstream and servers. A file that is neither what it gives for the version to put back nor for the one that runs is not overwritten."`
	Test           []string       `yaml:"test" doc:"The command that tests the configuration."`
	Reload         []string       `yaml:"reload" doc:"The command that makes nginx load it; default: SIGHUP to the process of pid."`
	PIDFile        string         `yaml:"pid" doc:"The file with the process ID of nginx's master, whose workers are waited for. Empty: they are not."`
	ReloadDeadline model.Duration `yaml:"reload_deadline" doc:"Maximum time until new workers serve; then the old file is put back."`
	ConnectTimeout model.Duration `yaml:"connect_timeout" doc:"A pool gets traffic only when one of its servers accepts a connection from here within this time; 0s: that is not tried."`
}

// HAProxySettings is the runtime API of HAProxy.
type HAProxySettings struct {
	Address string `yaml:"address" doc:"The runtime API: unix:///path or tcp://host:port, with level admin."`
	Backend string `yaml:"backend" doc:"The backend, whose servers are under servers."`
	Idle    string `yaml:"idle" doc:"What servers without a share get: drain (weight 0: clients that stick to them by a cookie stay) or maint (none)."`
}

// What servers without a share get.
const (
	idleDrain = "drain"
	idleMaint = "maint"
)

// mostWeight is the highest weight that a server of a pool may have.
const mostWeight = 256

// Kind is the kind traffic.
func Kind() actions.Kind {
	return actions.NewKind(func() *Settings { return &Settings{} }, newStep)
}

// NGINXDefaults gives the defaults of nginx.
func NGINXDefaults() NGINXSettings {
	return NGINXSettings{
		Test: []string{"nginx", "-t"}, PIDFile: "/run/nginx.pid",
		ReloadDeadline: model.Duration(10 * time.Second), ConnectTimeout: model.Duration(2 * time.Second),
	}
}

// HAProxyDefaults gives the defaults of HAProxy.
func HAProxyDefaults() HAProxySettings { return HAProxySettings{Idle: idleDrain} }

// Validate joins every mistake.
func (s *Settings) Validate() error {
	_, err := newStep(*s, actions.Env{})
	return err
}

// check gives every mistake to the collector of mistakes.
func (s *Settings) check(p *actions.Templates) {
	switch {
	case s.NGINX == nil && s.HAProxy == nil:
		p.Fail("says no load balancer: add nginx or haproxy")
	case s.NGINX != nil && s.HAProxy != nil:
		p.Fail("haproxy: not together with nginx; make two steps of it")
	case s.NGINX != nil:
		s.NGINX.check(p)
	default:
		s.HAProxy.check(p)
	}
	if s.NGINX != nil && s.NGINX.Template != "" {
		if len(s.Servers) > 0 || s.Switch != "" || len(s.Stages) > 0 {
			p.Fail("nginx.template: gives the whole file; remove servers, switch and steps, or name the upstream instead of the template")
		}
		return
	}
	s.checkServers(p)
	s.checkStages(p)
}

func (s *NGINXSettings) check(p *actions.Templates) {
	if !filepath.IsAbs(s.File) {
		p.Fail("nginx.file: %q is not an absolute path, such as /etc/nginx/conf.d/shop-upstream.conf", s.File)
	}
	switch {
	case s.Template != "" && (s.Upstream != "" || len(s.Directives) > 0):
		p.Fail("nginx.template: not together with upstream and directives: it gives the whole file")
	case s.Template != "" && !strings.Contains(s.Template, ".To"):
		p.Fail("nginx.template: does not name {{.To}}: the file would be the same for every version")
	case s.Template == "" && !plainWord.MatchString(s.Upstream):
		p.Fail("nginx.upstream: %q is not the name of an upstream; name it as in proxy_pass, or write the file as a template", s.Upstream)
	}
	for i, d := range s.Directives {
		words := strings.Fields(d)
		if len(words) == 0 || words[0] == "server" || !plainText(d) {
			p.Fail("nginx.directives[%d]: %q is not one directive without its semicolon, such as keepalive 32; servers are under servers", i, d)
		}
	}
	for key, command := range map[string][]string{"test": s.Test, "reload": s.Reload} {
		if key == "test" && len(command) == 0 {
			p.Fail("nginx.test: is empty: what was not tested is not loaded; default: [nginx, -t]")
		}
		if len(command) > 0 && command[0] == "" || len(command) == 1 && strings.ContainsAny(command[0], " \t") {
			p.Fail("nginx.%s: no shell splits it; write a list, such as [sudo, nginx, -t]", key)
		}
	}
	if s.PIDFile != "" && !filepath.IsAbs(s.PIDFile) {
		p.Fail("nginx.pid: %q is not an absolute path", s.PIDFile)
	}
	if s.PIDFile == "" && len(s.Reload) == 0 {
		p.Fail("nginx.reload: is missing: without pid there is no process to send SIGHUP to, such as [nginx, -s, reload]")
	}
	if s.ReloadDeadline <= 0 {
		p.Fail("nginx.reload_deadline: must be more than zero")
	}
	if s.ConnectTimeout < 0 {
		p.Fail("nginx.connect_timeout: must not be negative")
	}
}

func (s *HAProxySettings) check(p *actions.Templates) {
	socket, unix := strings.CutPrefix(s.Address, "unix://")
	port, tcp := strings.CutPrefix(s.Address, "tcp://")
	// Without the address: what does not belong there may be a password.
	switch {
	case s.Address == "":
		p.Fail("haproxy.address: is missing; write unix:///run/haproxy/admin.sock, or tcp://host:port")
	case strings.Contains(s.Address, "@"):
		p.Fail("haproxy.address: the runtime API knows no users; remove what stands before @, and protect its port by a firewall or use its socket")
	case unix && !filepath.IsAbs(socket):
		p.Fail("haproxy.address: needs an absolute path, such as unix:///run/haproxy/admin.sock")
	case tcp:
		if _, _, err := net.SplitHostPort(port); err != nil {
			p.Fail("haproxy.address: is not tcp://host:port")
		}
	case !unix:
		p.Fail("haproxy.address: is neither unix:///path nor tcp://host:port")
	}
	if !haproxyName.MatchString(s.Backend) {
		p.Fail("haproxy.backend: %q is not the name of a backend", s.Backend)
	}
	if s.Idle != idleDrain && s.Idle != idleMaint {
		p.Fail("haproxy.idle: %q is not one of %s, %s", s.Idle, idleDrain, idleMaint)
	}
}

var (
	plainWord   = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)
	haproxyName = regexp.MustCompile(`^[A-Za-z0-9_.:-]+$`)
)

// plainText tells whether a text is a part of one directive: nothing in it ends the directive.
func plainText(text string) bool { return !strings.ContainsAny(text, ";{}#\"'\\\n\r") }

func (s *Settings) checkServers(p *actions.Templates) {
	if len(s.Servers) == 0 {
		p.Fail("servers: is missing; list all servers, such as {pool: blue, server: 10.0.0.11:8080}")
	}
	seen := map[string]bool{}
	for i, v := range s.Servers {
		at := fmt.Sprintf("servers[%d]", i)
		if !plainWord.MatchString(v.Pool) {
			p.Fail("%s.pool: %q is not the name of a pool, such as blue", at, v.Pool)
		}
		switch {
		case v.Server == "":
			p.Fail("%s.server: is missing", at)
		case s.HAProxy != nil && !haproxyName.MatchString(v.Server):
			p.Fail("%s.server: %q is not the name of a server of HAProxy; it stands after the word server in the backend", at, v.Server)
		case len(strings.Fields(v.Server)) != 1 || !plainText(v.Server):
			p.Fail("%s.server: %q is not an address, such as 10.0.0.11:8080 or unix:/run/shop.sock; parameters are under options", at, v.Server)
		case seen[v.Server]:
			p.Fail("%s.server: %q is listed twice", at, v.Server)
		}
		seen[v.Server] = true
		if v.Weight < 0 || v.Weight > mostWeight {
			p.Fail("%s.weight: %d is not between 1 and %d; a pool without a share gets no traffic, whatever the weights of its servers", at, v.Weight, mostWeight)
		}
		if v.Options == "" {
			continue
		}
		if s.HAProxy != nil {
			p.Fail("%s.options: is for nginx; what HAProxy knows of a server stands in its own configuration", at)
		}
		if slices.ContainsFunc(strings.Fields(v.Options), func(o string) bool { return o == "down" || strings.HasPrefix(o, "weight=") }) || !plainText(v.Options) {
			p.Fail("%s.options: %q: weight and down are set by the guardian; write other parameters, such as max_fails=3", at, v.Options)
		}
	}
}

func (s *Settings) checkStages(p *actions.Templates) {
	switch {
	case s.Switch == "" && len(s.Stages) == 0:
		p.Fail("switch: is missing; name the pool that gets all traffic, or list steps such as {to: blue, weight: 10, for: 30s}")
	case s.Switch != "" && len(s.Stages) > 0:
		p.Fail("switch: not together with steps; the last step may have weight 100")
	}
	known := func(key, to string) {
		pool := func(v ServerSettings) bool { return v.Pool == to }
		if to != "" && !strings.Contains(to, "{{") && !slices.ContainsFunc(s.Servers, pool) {
			p.Fail("%s: no server is in pool %q; name one of %s", key, to, strings.Join(poolsOf(s.Servers), ", "))
		}
	}
	known("switch", s.Switch)
	for i, g := range s.Stages {
		at := fmt.Sprintf("steps[%d]", i)
		if g.To == "" {
			p.Fail("%s.to: is missing; name the pool whose share rises", at)
		}
		known(at+".to", g.To)
		if g.Weight < 1 || g.Weight > 100 {
			p.Fail("%s.weight: %d is not a share in percent, from 1 to 100", at, g.Weight)
		}
		if g.For < 0 {
			p.Fail("%s.for: must not be negative", at)
		}
		if i == 0 {
			continue
		}
		if g.To != s.Stages[0].To {
			p.Fail("%s.to: is %q, and the step before moves traffic to %q; move to one pool, by weights that rise", at, g.To, s.Stages[0].To)
		}
		if g.Weight <= s.Stages[i-1].Weight {
			p.Fail("%s.weight: %d is not more than the %d of the step before; weights rise from step to step", at, g.Weight, s.Stages[i-1].Weight)
		}
	}
}

// poolsOf gives the names of the pools, in the order of the servers.
func poolsOf(servers []ServerSettings) []string {
	var names []string
	for _, v := range servers {
		if !slices.Contains(names, v.Pool) {
			names = append(names, v.Pool)
		}
	}
	return names
}
