package traffic_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"guardian/actions"
	"guardian/actions/actiontest"
	"guardian/actions/traffic"
	"guardian/internal/secret"
	"guardian/test/program"
)

// nginx is a shop behind nginx, whose traffic goes to green.
type nginx struct {
	*shop
	file string
	conf string
	was  string // the file, where a test keeps it
}

const nginxConf = `worker_processes 2;
daemon off;
pid nginx.pid;
error_log error.log notice;
events {}
http {
  access_log off;
  client_body_temp_path tmp1; proxy_temp_path tmp2; fastcgi_temp_path tmp3; uwsgi_temp_path tmp4; scgi_temp_path tmp5;
  include conf.d/*.conf;
  server {
    listen %s backlog=1024;
    location / { proxy_pass http://shop; }
  }
}
`

func startNGINX(t *testing.T) *nginx {
	t.Helper()
	n := &nginx{shop: newShop(t)}
	n.file, n.conf = filepath.Join(n.dir, "conf.d", "upstream.conf"), filepath.Join(n.dir, "nginx.conf")
	if err := os.Mkdir(filepath.Join(n.dir, "conf.d"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, n.conf, fmt.Sprintf(nginxConf, n.address))
	// As people write it.
	write(t, n.file, fmt.Sprintf("# the shop\nupstream shop {\n  server %s down; server %s;\n}\n", n.blue.address, n.green.address))
	n.start(t, program.Installed(t, "nginx", "nginx"), "-p", n.dir, "-c", n.conf, "-e", "error.log")
	actiontest.WaitFor(t, "the master, which writes its process ID before it takes its name", func() bool {
		pid, err := os.ReadFile(filepath.Join(n.dir, "nginx.pid"))
		if err != nil {
			return false
		}
		title, err := os.ReadFile(filepath.Join("/proc", strings.TrimSpace(string(pid)), "cmdline"))
		return err == nil && strings.HasPrefix(string(title), "nginx: master process")
	})
	return n
}

func (n *nginx) settings() traffic.Settings {
	s := traffic.NGINXDefaults()
	s.File, s.Upstream, s.PIDFile = n.file, "shop", filepath.Join(n.dir, "nginx.pid")
	s.Test = []string{"nginx", "-p", n.dir, "-c", n.conf, "-e", "error.log", "-t"}
	s.ReloadDeadline = model.Duration(time.Minute)
	return traffic.Settings{NGINX: &s, Servers: n.servers(), Switch: "blue"}
}

// reloads counts how often nginx was told to load its configuration.
func (n *nginx) reloads(t *testing.T) int {
	t.Helper()
	return strings.Count(read(t, filepath.Join(n.dir, "error.log")), "(SIGHUP) received")
}

// breakIt makes the whole configuration one that nginx does not take, and that nginx quotes.
func (n *nginx) breakIt(t *testing.T) {
	t.Helper()
	write(t, filepath.Join(n.dir, "conf.d", "broken.conf"), "hunter2 on;\n")
}

func TestNGINXContract(t *testing.T) {
	t.Parallel()
	actiontest.Run(t, func(t *testing.T) actiontest.Target {
		t.Helper()
		n := startNGINX(t)
		return actiontest.Target{
			Step: step(t, n.settings()), Call: actiontest.Call(),
			Effects:      func() int { return n.reloads(t) },
			Break:        func() { n.breakIt(t) },
			KnowsOutcome: true, Deduplicates: true,
		}
	})
}

// Traffic goes back under load: no request fails, and green gets none afterwards.
func TestNGINXSwitchesUnderLoad(t *testing.T) {
	t.Parallel()
	n := startNGINX(t)
	l := n.startLoad(t, "Connection: close")
	if share := n.served(t, 200); share != 0 {
		t.Fatalf("blue gets %v before", share)
	}
	for i, c := range []struct {
		to       string
		weight   int
		low, top float64
	}{{"blue", 25, 0.2, 0.3}, {"blue", 100, 1, 1}, {"green", 60, 0.35, 0.45}, {"green", 100, 0, 0}, {"blue", 100, 1, 1}} {
		s := n.settings()
		s.Switch, s.Stages = "", []traffic.StageSettings{{To: c.to, Weight: c.weight}}
		out := do(t, step(t, s), toBlue(fmt.Sprint("r_1-", i)))
		if share := n.served(t, 400); share < c.low-0.02 || share > c.top+0.02 {
			t.Errorf("%d%% to %s: blue gets %v, want %v to %v\n%s", c.weight, c.to, share, c.low, c.top, out)
		}
	}
	if failed, all := l.stop(t); failed != 0 || all < 1000 {
		t.Errorf("%d of %d requests failed", failed, all)
	}
	if left, err := filepath.Glob(filepath.Join(n.dir, "conf.d", ".*")); err != nil || len(left) > 0 {
		t.Errorf("it left %v, %v", left, err)
	}
}

func TestNGINXOutputTellsBeforeAndAfter(t *testing.T) {
	t.Parallel()
	n := startNGINX(t)
	s := n.settings()
	s.Switch, s.Stages = "", []traffic.StageSettings{{To: "blue", Weight: 10, For: model.Duration(50 * time.Millisecond)}, {To: "blue", Weight: 100}}
	plan, err := step(t, s).(actions.Planner).Plan(t.Context(), actiontest.Call())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"blue 0 %", "green 100 %", "blue gets 10 % of the traffic, for 50 ms", "blue gets 100 % of the traffic", "comments"} {
		if !strings.Contains(plan.String(), want) {
			t.Errorf("the plan lacks %q: %s", want, plan)
		}
	}
	if n.reloads(t) != 0 || n.ask(t) != "green" {
		t.Error("the plan changed something")
	}
	out := do(t, step(t, s), actiontest.Call())
	want := strings.NewReplacer("BLUE", n.blue.address, "GREEN", n.green.address).Replace(
		"before: blue 0 % (BLUE = 0), green 100 % (GREEN = 1)\nnow: blue 10 % (BLUE = 1), green 90 % (GREEN = 9)\nnow: blue 100 % (BLUE = 1), green 0 % (GREEN = 0)\n")
	if out != want {
		t.Errorf("output\n%swant\n%s", out, want)
	}
}

// What nginx does not take is taken back, and the old workers go on.
func TestNGINXPutsTheOldFileBack(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		breaks func(*testing.T, *nginx, *traffic.Settings)
		want   string
	}{
		"the test fails": {
			func(t *testing.T, n *nginx, _ *traffic.Settings) { t.Helper(); n.breakIt(t) }, `unknown directive "<secret>"`,
		},
		"the command that reloads fails": {
			func(_ *testing.T, _ *nginx, s *traffic.Settings) { s.NGINX.Reload = []string{"false"} }, "false ended with exit status 1",
		},
		"nginx cannot load what passed the test": {
			func(t *testing.T, n *nginx, s *traffic.Settings) {
				t.Helper()
				// The test does not try to listen on a port that another process has.
				write(t, filepath.Join(n.dir, "conf.d", "port.conf"), "server { listen "+n.blue.address+"; }\n")
				s.NGINX.ReloadDeadline = model.Duration(2 * time.Second)
				s.NGINX.Test = []string{"true"}
			}, "did not begin to serve with new workers",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := startNGINX(t)
			was := read(t, n.file)
			s := n.settings()
			c.breaks(t, n, &s)
			env := actiontest.Env()
			env.Redactor.Learn(secret.New("hunter2"))
			st := actiontest.Build(t, traffic.Kind(), &s, env)
			out, err := st.Do(t.Context(), actiontest.Call())
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(out+err.Error(), "hunter2") {
				t.Errorf("error %v, want …%s…\n%s", err, c.want, out)
			}
			if now := read(t, n.file); now != was {
				t.Errorf("the file is\n%swant\n%s", now, was)
			}
			if got := n.ask(t); got != "green" {
				t.Errorf("%s answers", got)
			}
		})
	}
}

// A file that somebody else changed is told, and left as it is.
func TestNGINXOverwritesNothingOfOthers(t *testing.T) {
	t.Parallel()
	n := startNGINX(t)
	template := n.settings()
	template.Servers, template.Switch, template.NGINX.Upstream = nil, "", ""
	template.NGINX.Template = "upstream shop { server " + n.blue.address + "; } # {{.To}}\n"
	for name, c := range map[string]struct {
		s    traffic.Settings
		text string
		want string
	}{
		"a further server":    {n.settings(), "upstream shop { server " + n.blue.address + "; server 192.0.2.1:80; }", "server 192.0.2.1:80 is not under servers"},
		"a parameter":         {n.settings(), "upstream shop { server " + n.green.address + " max_conns=3; }", `"max_conns=3"`},
		"a directive":         {n.settings(), "upstream shop { ip_hash; server " + n.green.address + "; }", "ip_hash"},
		"another upstream":    {n.settings(), "upstream other { server " + n.green.address + "; }", `the upstream "other"`},
		"more than that":      {n.settings(), "upstream shop { server " + n.green.address + "; } server { listen 1; }", "one upstream and nothing else"},
		"of neither version":  {template, "upstream shop { server " + n.blue.address + "; } # v3\n", "neither what the template gives for v1.4.2 nor for v2"},
		"not there":           {n.settings(), "", "no such file"},
		"quoted, as a server": {n.settings(), `upstream shop { server "` + n.green.address + `"; }`, "quotation marks"},
	} {
		t.Run(name, func(t *testing.T) {
			write(t, n.file, c.text)
			if c.text == "" {
				if err := os.Remove(n.file); err != nil {
					t.Fatal(err)
				}
			}
			for what, ask := range map[string]func(actions.Step) error{
				"Do": func(s actions.Step) error { _, err := s.Do(t.Context(), actiontest.Call()); return err },
				"Plan": func(s actions.Step) error {
					_, err := s.(actions.Planner).Plan(t.Context(), actiontest.Call())
					return err
				},
			} {
				if err := ask(step(t, c.s)); err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("%s: error %v, want …%s…", what, err, c.want)
				}
			}
			if now, _ := os.ReadFile(n.file); string(now) != c.text {
				t.Errorf("it is now %q", now)
			}
		})
	}
	if n.reloads(t) != 0 {
		t.Error("nginx was told to load it")
	}
}

func TestNGINXByTemplate(t *testing.T) {
	t.Parallel()
	n := startNGINX(t)
	s := n.settings()
	s.Servers, s.Switch, s.NGINX.Upstream = nil, "", ""
	s.NGINX.Template = `upstream shop { server {{if eq .To "v2"}}` + n.green.address + "{{else}}" + n.blue.address + "{{end}}; }\n"
	write(t, n.file, "upstream shop { server "+n.green.address+"; }")
	out := do(t, step(t, s), actiontest.Call())
	if got := n.ask(t); got != "blue" || !strings.Contains(out, "before: v2\n") || !strings.Contains(out, "now: v1.4.2\n") {
		t.Errorf("%s answers after\n%s", got, out)
	}
	if got := status(t, step(t, s), actiontest.Call()); got != actions.Happened {
		t.Errorf("status %s", got)
	}
}

// A pool whose servers do not answer gets no traffic.
func TestNGINXMovesNothingToServersThatAreDown(t *testing.T) {
	t.Parallel()
	n := startNGINX(t)
	n.blue.Server.Close()
	_, err := step(t, n.settings()).Do(t.Context(), actiontest.Call())
	if err == nil || !strings.Contains(err.Error(), "no server of pool blue accepts a connection") {
		t.Errorf("error %v", err)
	}
	if n.reloads(t) != 0 || n.ask(t) != "green" {
		t.Error("traffic was moved")
	}
}

// What somebody wrote and nginx did not load is loaded, and counts as done only then.
func TestNGINXLoadsWhatNobodyLoaded(t *testing.T) {
	t.Parallel()
	n := startNGINX(t)
	write(t, n.file, "upstream shop { server "+n.blue.address+"; }\n")
	later := time.Now().Add(time.Hour) // the system tells beginnings of processes to a second
	if err := os.Chtimes(n.file, later, later); err != nil {
		t.Fatal(err)
	}
	if got := status(t, step(t, n.settings()), actiontest.Call()); got != actions.NotHappened {
		t.Errorf("status %s", got)
	}
	do(t, step(t, n.settings()), actiontest.Call())
	if got := n.ask(t); got != "blue" || n.reloads(t) != 1 {
		t.Errorf("%s answers after %d reloads", got, n.reloads(t))
	}
}

// A sequence that is longer than the step has time does not begin.
func TestNGINXRefusesWhatTakesTooLong(t *testing.T) {
	t.Parallel()
	n := startNGINX(t)
	s := n.settings()
	s.Switch, s.Stages = "", []traffic.StageSettings{{To: "blue", Weight: 10, For: model.Duration(time.Hour)}, {To: "blue", Weight: 100}}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := step(t, s).Do(ctx, actiontest.Call()); err == nil || !strings.Contains(err.Error(), "raise timeout") || n.reloads(t) != 0 {
		t.Errorf("error %v", err)
	}
}

// Who changes the weights while a share is held ends the sequence.
func TestNGINXSequenceEndsWhenOthersChangeIt(t *testing.T) {
	t.Parallel()
	n := startNGINX(t)
	s := n.settings()
	s.Switch, s.Stages = "", []traffic.StageSettings{{To: "blue", Weight: 10, For: model.Duration(time.Hour)}, {To: "blue", Weight: 100}}
	ended := make(chan error, 1)
	go func() {
		_, err := step(t, s).Do(t.Context(), actiontest.Call())
		ended <- err
	}()
	actiontest.WaitFor(t, "the first share", func() bool { return n.reloads(t) == 1 && len(n.hidden(t)) == 0 })
	theirs := "upstream shop { server " + n.green.address + "; }\n"
	write(t, n.file, theirs)
	if err := <-ended; err == nil || errors.Is(err, actions.ErrUnclear) || !strings.Contains(err.Error(), "somebody else changed it") {
		t.Errorf("error %v", err)
	}
	if read(t, n.file) != theirs {
		t.Error("it was overwritten")
	}
}

// hidden are the files beside the file.
func (n *nginx) hidden(t *testing.T) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(n.dir, "conf.d", ".*"))
	if err != nil {
		t.Fatal(err)
	}
	return all
}
