package importer

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// integration converts one entry of a list such as slack_configs into a section of a receiver.
// Without a counterpart kind is "", and instead is what to do.
type integration func(c *converter, n *yaml.Node, path string) (kind string, settings *yaml.Node, instead string)

func integrations() map[string]integration {
	return map[string]integration{
		"discord_configs":   byTemplate,
		"email_configs":     (*converter).email,
		"msteams_configs":   byTemplate,
		"msteamsv2_configs": byTemplate,
		"pagerduty_configs": byTemplate,
		"slack_configs":     (*converter).slack,
		"telegram_configs":  byTemplate,
		"webhook_configs":   (*converter).webhook,
		"wechat_configs":    wechat,
	}
}

// receivers converts all receivers and fills in names. A receiver here has one integration.
func (c *converter) receivers(root *yaml.Node) *yaml.Node {
	out := &yaml.Node{Kind: yaml.SequenceNode}
	list, ok := value(root, "receivers")
	if !ok {
		return out
	}
	taken := map[string]bool{}
	for i, r := range list.Content {
		there, path := text(r, "name"), fmt.Sprintf("receivers[%d]", i)
		for _, one := range c.receiver(r, path) {
			name := unique(here(there)+one.suffix, taken)
			c.names[there] = append(c.names[there], name)
			section := mapping()
			set(section, "name", scalar(name))
			if one.kind == "" {
				section.HeadComment = one.comment
			} else {
				set(section, one.kind, one.settings)
			}
			out.Content = append(out.Content, section)
		}
		if names := c.names[there]; len(names) != 1 || names[0] != there {
			c.note(r, path, fmt.Sprintf("receiver %q is called %s here", there, strings.Join(names, ", ")), "")
		}
	}
	return out
}

// made is one receiver here.
type made struct {
	suffix, kind, comment string
	settings              *yaml.Node
}

// receiver converts one receiver into as many as it has integrations. One that has none gets
// what nobody is to be told of.
func (c *converter) receiver(r *yaml.Node, path string) []made {
	var all []made
	for key, list := range pairs(r) {
		kind, isList := strings.CutSuffix(key.Value, "_configs")
		if !isList {
			continue
		}
		for i, n := range list.Content {
			at := fmt.Sprintf("%s.%s[%d]", path, key.Value, i)
			one := made{suffix: "-" + kind}
			convert, ok := integrations()[key.Value]
			if !ok {
				convert = without("choose a kind of receiver for it")
			}
			one.kind, one.settings, one.comment = convert(c, target(n), at)
			if one.kind == "" {
				c.note(n, at, "has no counterpart", "guardian check asks for the kind of this receiver: "+one.comment)
				one.comment = fmt.Sprintf("%s of Alertmanager: %s.", kind, one.comment)
			}
			all = append(all, one)
		}
	}
	if len(all) == 0 {
		return []made{{kind: "discard", settings: mapping()}}
	}
	if len(all) == 1 {
		all[0].suffix = ""
	}
	known := []string{"name"}
	for key := range pairs(r) {
		if strings.HasSuffix(key.Value, "_configs") {
			known = append(known, key.Value)
		}
	}
	c.rest(r, path, known...)
	return all
}

var strange = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

// here makes a name of another system one that is allowed here.
func here(name string) string {
	name = strings.Trim(strange.ReplaceAllString(name, "-"), "-._")
	if name == "" {
		return "receiver"
	}
	return name[:min(len(name), 80)]
}

func unique(name string, taken map[string]bool) string {
	free := name
	for n := 2; taken[free]; n++ {
		free = fmt.Sprintf("%s-%d", name, n)
	}
	taken[free] = true
	return free
}

// secret gives the value of a key or the content of the file that key_file names: of the
// integration itself, or of the section global under another name.
func (c *converter) secret(n *yaml.Node, path, key, global string) *yaml.Node {
	if file := text(n, key+"_file"); file != "" {
		return scalar("${file:" + file + "}")
	}
	own := text(n, key)
	if own == "" && global != "" {
		if file := c.global[global+"_file"]; file != "" {
			return scalar("${file:" + file + "}")
		}
		own = c.global[global]
	}
	if own == "" {
		return nil
	}
	if own == "<secret>" {
		c.note(n, join(path, key), "is hidden: Alertmanager shows no secrets", "convert the file itself, or fill it in")
	} else {
		c.note(n, join(path, key), "is in the configuration in plain text", "keep it in a file (${file:PATH}) or the environment (${env:NAME})")
	}
	return scalar(strings.ReplaceAll(own, "${", "$${"))
}

// leftOut notes the keys of an integration that nothing is made of.
func (c *converter) leftOut(n *yaml.Node, path string, known ...string) {
	var keys []string
	for key := range pairs(n) {
		if !slices.Contains(known, key.Value) {
			keys = append(keys, key.Value)
		}
	}
	if len(keys) > 0 {
		c.note(n, path, "is not carried over: "+strings.Join(keys, ", "), "")
	}
}
