package importer

import (
	"strings"

	"go.yaml.in/yaml/v3"
)

// without is an integration that has no counterpart; instead is what to do.
func without(instead string) integration {
	return func(*converter, *yaml.Node, string) (string, *yaml.Node, string) { return "", nil, instead }
}

func byTemplate(*converter, *yaml.Node, string) (string, *yaml.Node, string) {
	return "", nil, "use a webhook whose payload is a template"
}

func wechat(*converter, *yaml.Node, string) (string, *yaml.Node, string) {
	return "", nil, "use wecom with the webhook of a group robot; a corporate application is not supported"
}

// postMessage is the address that Alertmanager is given to post as a bot.
const postMessage = "https://slack.com/api/chat.postMessage"

func (c *converter) slack(n *yaml.Node, path string) (string, *yaml.Node, string) {
	out := mapping()
	c.resolved(n, path)
	known := []string{"api_url", "api_url_file", "channel", "send_resolved", "app_token", "app_token_file", "app_url", "http_config"}
	c.leftOut(n, path, known...)
	if token := c.botToken(n, path); token != nil {
		set(out, "token", token)
		if channel := text(n, "channel"); channel != "" {
			set(out, "channel", scalar(channel))
			if strings.HasPrefix(channel, "#") {
				c.note(n, path+".channel", "is a name", "write the channel's ID (C…)")
			}
		}
		return "slack", out, ""
	}
	if url := c.secret(n, path, "api_url", "slack_api_url"); url != nil {
		set(out, "webhook", url)
	}
	if text(n, "channel") != "" {
		c.note(n, path+".channel", "is not carried over", "an incoming webhook posts to the channel that it was made for")
	}
	c.http(n, path)
	return "slack", out, ""
}

// botToken gives the token of an integration that posts as a bot; nil: it has a webhook.
func (c *converter) botToken(n *yaml.Node, path string) *yaml.Node {
	if text(n, "api_url") == postMessage || text(n, "api_url")+text(n, "api_url_file") == "" && c.global["slack_api_url"] == postMessage {
		if http, ok := value(n, "http_config"); ok {
			if auth, ok := value(http, "authorization"); ok {
				return c.secret(auth, path+".http_config.authorization", "credentials", "")
			}
		}
	}
	if text(n, "api_url")+text(n, "api_url_file") != "" {
		return nil
	}
	return c.secret(n, path, "app_token", "slack_app_token")
}

// http notes what of http_config is not carried over.
func (c *converter) http(n *yaml.Node, path string, known ...string) {
	if http, ok := value(n, "http_config"); ok {
		c.leftOut(http, path+".http_config", known...)
	}
}

func (c *converter) webhook(n *yaml.Node, path string) (string, *yaml.Node, string) {
	out := mapping()
	if url := c.secret(n, path, "url", ""); url != nil {
		set(out, "url", url)
	}
	set(out, "payload", scalar("alertmanager"))
	if http, ok := value(n, "http_config"); ok {
		if auth, ok := value(http, "authorization"); ok {
			if token := c.secret(auth, path+".http_config.authorization", "credentials", ""); token != nil {
				set(out, "token", token)
			}
			if kind := text(auth, "type"); kind != "" && !strings.EqualFold(kind, "Bearer") {
				c.note(auth, path+".http_config.authorization.type", "is not carried over", "tokens are sent as Bearer")
			}
		}
	}
	c.http(n, path, "authorization")
	if text(n, "send_resolved") == "false" {
		c.resolved(n, path)
	}
	c.leftOut(n, path, "url", "url_file", "http_config", "send_resolved")
	return "webhook", out, ""
}

// or gives a text of the integration, or else of the section global.
func (c *converter) or(n *yaml.Node, key, global string) string {
	if own := text(n, key); own != "" {
		return own
	}
	return c.global[global]
}

func (c *converter) email(n *yaml.Node, path string) (string, *yaml.Node, string) {
	out := mapping()
	server := c.or(n, "smarthost", "smtp_smarthost")
	set(out, "server", scalar(server))
	switch {
	case text(n, "force_implicit_tls") == "true", strings.HasSuffix(server, ":465"):
		set(out, "security", scalar("tls"))
	case c.or(n, "require_tls", "smtp_require_tls") == "false":
		set(out, "security", scalar("none"))
		c.note(n, path+".require_tls", "is false: mails are sent without encryption", "leave security out where the server offers STARTTLS")
	default:
		set(out, "security", scalar("starttls"))
	}
	if tls, ok := value(n, "tls_config"); ok {
		if file := text(tls, "ca_file"); file != "" {
			set(out, "ca_file", scalar(file))
		}
		c.leftOut(tls, path+".tls_config", "ca_file")
	}
	if user := c.or(n, "auth_username", "smtp_auth_username"); user != "" {
		set(out, "username", scalar(user))
		if password := c.secret(n, path, "auth_password", "smtp_auth_password"); password != nil {
			set(out, "password", password)
		}
	}
	set(out, "from", scalar(c.or(n, "from", "smtp_from")))
	var to []string
	for one := range strings.SplitSeq(text(n, "to"), ",") {
		if one = strings.TrimSpace(one); one != "" {
			to = append(to, one)
		}
	}
	set(out, "to", flow(to))
	c.resolved(n, path)
	c.leftOut(n, path, "to", "from", "smarthost", "require_tls", "force_implicit_tls", "tls_config", "auth_username", "auth_password", "auth_password_file", "send_resolved")
	return "email", out, ""
}

// resolved notes a receiver that wants no messages about the end of an alert.
func (c *converter) resolved(n *yaml.Node, path string) {
	if text(n, "send_resolved") != "true" {
		c.note(n, path, "is told too when an alert resolves", "")
	}
}
