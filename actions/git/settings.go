package git

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/transport"
	"github.com/prometheus/common/model"

	"guardian/actions"
	"guardian/actions/sshconn"
	"guardian/internal/secret"
)

// Settings is a step that puts a file, a folder or all of a repository back to the commit of the good
// version. What others changed there since the bad version is never lost: the step refuses.
type Settings struct {
	URL      string         `yaml:"url" doc:"The repository: ssh://git@HOST/PATH, git@HOST:PATH or https://HOST/PATH."`
	Branch   string         `yaml:"branch" doc:"The branch that is put back; a template."`
	Path     string         `yaml:"path" doc:"The file or folder that is put back; a template; default: the whole tree."`
	Revision string         `yaml:"revision" doc:"Tag or commit of the version to put back; a template such as {{.To}}. With ^ at the end it is the commit before."`
	From     string         `yaml:"from" doc:"Tag or commit of the version that is taken back; a template; default: what revision gives for that version."`
	Find     *FindSettings  `yaml:"find" doc:"Instead of revision: the commit of a version is found by what a file says."`
	Message  string         `yaml:"message" doc:"Message of the commit; a template. The step's ID is added as a trailer, Guardian-Intent."`
	Author   AuthorSettings `yaml:"author" doc:"Who the commit is by."`
	History  int            `yaml:"history" doc:"How many commits of the branch are looked through."`
	Settle   model.Duration `yaml:"settle" doc:"After a lost answer or a crash: how long a push may still be under way. That the commit is not there counts when it is the same after this time."`

	SSH      *sshconn.Login `yaml:"ssh" doc:"Keys, for an address of ssh."`
	Username string         `yaml:"username" doc:"The account, for an address of https. Where the token says who it is, any name does."`
	Token    secret.Secret  `yaml:"token" doc:"The account's token or password, for an address of https."`
	CAFile   string         `yaml:"ca_file" doc:"PEM file of the authority that signed the server's certificate; default: those of the system."`
}

// FindSettings finds the commit of a version: for the good version the last one of the branch in which
// the file has the text, for the bad one that in which it got it.
type FindSettings struct {
	File string `yaml:"file" doc:"The file; a template."`
	Text string `yaml:"text" doc:"What one of its lines holds; a template such as \"newTag: {{.To}}\". It ends where a version ends: v1.4 is not in v1.4.2."`
}

// AuthorSettings is the author and committer of commits.
type AuthorSettings struct {
	Name  string `yaml:"name" doc:"The name."`
	Email string `yaml:"email" doc:"The address."`
}

// Kind gives the kind of step.
func Kind() actions.Kind {
	return actions.NewKind(func() *Settings {
		return &Settings{
			Branch: "main", Author: AuthorSettings{Name: "Guardian", Email: "guardian@localhost"},
			History: 200, Settle: model.Duration(5 * time.Second), Username: "git",
		}
	}, newStep)
}

// Validate joins every mistake.
func (s *Settings) Validate() error {
	_, err := newStep(*s, actions.Env{})
	return err
}

// step is the built step.
type step struct {
	s     Settings
	env   actions.Env
	local secret.Redactor
	at    *transport.Endpoint

	branch, path, revision, from, file, text, message actions.Template
}

func newStep(s Settings, env actions.Env) (*step, error) {
	var p actions.Templates
	g := &step{s: s, env: env}
	g.local.Learn(s.Token)
	if s.SSH != nil {
		g.local.Learn(s.SSH.Passphrase)
	}
	g.reach(&p)
	var t actions.Templates
	g.branch, g.path, g.message = t.Parse("branch", s.Branch), t.Parse("path", s.Path), t.Parse("message", s.Message)
	g.revision, g.from = t.Parse("revision", s.Revision), t.Parse("from", s.From)
	if s.Find != nil {
		g.file, g.text = t.Parse("find.file", s.Find.File), t.Parse("find.text", s.Find.Text)
	}
	if p.Add(t.Err()); t.Err() == nil {
		g.tryOut(&p)
	}
	if s.Author.Name == "" || strings.ContainsAny(s.Author.Name+s.Author.Email, "<>\n") {
		p.Fail("author: needs a name, and neither name nor email may hold <, > or a line break")
	}
	if s.History < 2 || s.History > mostHistory {
		p.Fail("history: must be between 2 and %d", mostHistory)
	}
	if s.Settle < 0 {
		p.Fail("settle: must not be negative")
	}
	if err := p.Err(); err != nil {
		return nil, err
	}
	return g, nil
}

// mostHistory is the most commits that are looked through.
const mostHistory = 10_000

// reach checks the address and what is needed to log in there.
func (g *step) reach(p *actions.Templates) {
	s := g.s
	at, err := transport.NewEndpoint(s.URL)
	switch {
	case s.URL == "":
		p.Fail("url: is missing")
		return
	case err != nil || at.Host == "" || at.Path == "":
		p.Fail("url: is none of ssh://git@HOST/PATH, git@HOST:PATH and https://HOST/PATH")
		return
	}
	g.at = at
	switch at.Protocol {
	case "ssh":
		if at.User == "" {
			at.User = "git"
		}
		if at.Port == 0 {
			at.Port = 22
		}
		if s.Token.IsSet() || s.CAFile != "" {
			p.Fail("token and ca_file are for an address of https; remove them, or change url")
		}
		login := sshconn.Login{}
		if s.SSH != nil {
			login = *s.SSH
		}
		for _, err := range login.Mistakes(g.account()) {
			p.Fail("ssh.%w", err)
		}
	case "https":
		if s.SSH != nil {
			p.Fail("ssh: is for an address of ssh; remove it, or change url")
		}
		if !s.Token.IsSet() || s.Username == "" {
			p.Fail("token: is missing; an address of https needs one, best from the environment: token: ${env:GIT_TOKEN}")
		}
	case "http":
		p.Fail("url: over http everybody on the way could read the token; write https://")
	default:
		p.Fail("url: %s is not supported; write ssh:// or https://", at.Protocol)
	}
	if at.Password != "" {
		p.Fail("url: holds a password; put it under token")
	}
}

func (g *step) account() sshconn.Address {
	return sshconn.Address{User: g.at.User, Host: strings.Trim(g.at.Host, "[]"), Port: g.at.Port}
}

// tryOut checks the templates together, with values of a sample.
func (g *step) tryOut(p *actions.Templates) {
	s := g.s
	v, err := g.fill(actions.SampleCall())
	if err != nil {
		p.Add(err)
		return
	}
	switch {
	case s.Revision == "" && s.Find == nil:
		p.Fail("revision: is missing; say which commit a version is, such as revision: \"{{.To}}\" for a tag of its name, or find it by what a file says with find: {file: …, text: …}")
	case s.Revision != "" && s.Find != nil:
		p.Fail("find: stands beside revision; remove one of them")
	case s.Find != nil && (s.Find.File == "" || s.Find.Text == ""):
		p.Fail("find: needs file and text")
	case s.Find != nil && v.good == v.bad:
		p.Fail("find.text: does not use .To, so that each version would be the same commit; write e.g. \"newTag: {{.To}}\"")
	case s.Find != nil && s.From != "":
		p.Fail("from: is for revision; find finds the bad version, too")
	case s.Find == nil && v.good == v.bad:
		p.Fail("from: is missing; revision does not use .To, so that the bad version's commit is not known, such as from: \"{{.From}}\"")
	}
}

// values are the settings with the templates filled in.
type values struct {
	branch    plumbing.ReferenceName
	path      string // "": the whole tree
	file      string // in which text is looked for; "": good and bad are revisions
	good, bad string // revisions, or texts
	message   string
	to        string // the version, for the message
}

// fill fills the templates in. The bad version's revision is the same template with that version.
func (g *step) fill(call actions.Call) (v values, err error) {
	data, err := call.Data()
	if err != nil {
		return v, err
	}
	render := func(t actions.Template, data map[string]any) string {
		text, e := t.Render(data)
		err = errors.Join(err, e)
		return text
	}
	v.to = call.Run.To
	v.branch = plumbing.NewBranchReferenceName(render(g.branch, data))
	v.path, v.message = render(g.path, data), render(g.message, data)
	swapped := call
	swapped.Run.To = call.Run.From
	other, e := swapped.Data()
	err = errors.Join(err, e)
	switch {
	case g.s.Find != nil:
		v.file, v.good, v.bad = render(g.file, data), render(g.text, data), render(g.text, other)
	case g.s.From != "":
		v.good, v.bad = render(g.revision, data), render(g.from, data)
	default:
		v.good, v.bad = render(g.revision, data), render(g.revision, other)
	}
	if err != nil {
		return v, err
	}
	if e := v.branch.Validate(); e != nil {
		return v, fmt.Errorf("branch: %q is not the name of a branch", v.branch.Short())
	}
	if v.path, err = cleaned("path", v.path); err != nil {
		return v, err
	}
	v.file, err = cleaned("find.file", v.file)
	return v, err
}

// cleaned gives a path within a repository.
func cleaned(key, text string) (string, error) {
	p := path.Clean("/" + text)[1:]
	if p != strings.TrimSuffix(text, "/") && text != "." {
		return "", fmt.Errorf("%s: %q is not a path within the repository; write it without / at its beginning and without any .. in it", key, text)
	}
	return p, nil
}

// host names the server for people.
func (g *step) host() string {
	if g.at.Port == 0 {
		return g.at.Host
	}
	return fmt.Sprintf("%s:%d", g.at.Host, g.at.Port)
}
