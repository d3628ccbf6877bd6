package decide

import (
	"slices"
	"strings"

	"guardian/actions"
	"guardian/watch"
)

// authorOf gives who deployed, by every name under which they may answer. Unknown: the name is nobody's
// who may approve, such as that of a CI job, so that the author may be any of those who do.
func (s *Settings) authorOf(dep watch.Deploy) actions.Author {
	a := actions.Author{Names: []string{dep.Author}, Unknown: !s.approves(dep.Author)}
	for _, p := range s.People {
		names := slices.DeleteFunc([]string{p.Name, p.FullName, p.Mail, p.Slack, p.DingTalk, p.WeCom, p.Feishu}, func(name string) bool { return name == "" })
		if slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, dep.Author) }) {
			a.Names, a.Unknown = append(a.Names, names...), false
		}
	}
	return a
}

// approves tells whether a token of this name may approve.
func (s *Settings) approves(name string) bool {
	return name != "" && slices.ContainsFunc(s.Approvers, func(token string) bool { return strings.EqualFold(token, name) })
}
