package receivers

import (
	"cmp"
	"net/url"
	"time"

	"guardian/internal/announce"
	"guardian/internal/chatops"
	"guardian/internal/config"
	"guardian/notifiers"
)

// links are the links by which readers of a receiver's messages act on alerts.
type links struct {
	key      chatops.Key
	base     string // the guardian's address
	validFor time.Duration
	receiver string
	buttons  bool // in place of links
}

// buttonsFor is how long buttons work where links are switched off.
const buttonsFor = 24 * time.Hour

// actions gives the links or buttons of a receiver's messages; nil: they have none.
func (o Options) actions(r config.Receiver) func(notifiers.Delivery) []notifiers.Link {
	s, slack := r.Settings.(*notifiers.SlackSettings)
	buttons := slack && s.HasButtons()
	if !buttons && (!o.Config.Server.HasActionLinks() || !o.Kinds[r.Kind].Links) {
		return nil
	}
	return links{
		key: o.Key, base: o.ExternalURL, receiver: r.Name, buttons: buttons,
		validFor: cmp.Or(time.Duration(o.Config.Server.ActionLinks.ValidFor), buttonsFor),
	}.of
}

// of gives the links of one message: none unless it is about alerts that fire.
func (l links) of(d notifiers.Delivery) []notifiers.Link {
	n := d.Notice
	if n.Kind != "alert" || n.Event == "resolved" || len(n.Alerts) == 0 {
		return nil
	}
	var all []notifiers.Link
	for _, action := range chatops.Actions() {
		if action == chatops.Silence && len(n.Alerts) > chatops.MostSilenced {
			continue
		}
		r := chatops.Request{Action: action, Delivery: d.ID, Receiver: l.receiver, Expires: n.Created.Add(l.validFor)}
		one := notifiers.Link{Text: announce.Renderer{Language: n.Lang}.ActionText(action == chatops.Silence, chatops.SilenceFor)}
		if l.buttons {
			one.Button = &notifiers.Button{ID: string(action), Value: l.key.Sign(r)}
		} else {
			one.URL = l.base + "/act/" + string(action) + "?t=" + url.QueryEscape(l.key.Sign(r))
		}
		all = append(all, one)
	}
	return all
}
