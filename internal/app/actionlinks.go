package app

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"guardian/internal/announce"
	"guardian/internal/chatops"
	"guardian/internal/config"
	"guardian/internal/secret"
	"guardian/notifiers"
)

// linkKeyFile holds the key of the links in messages and of sessions, where the configuration has none. It is not in
// the journal, which others may read.
const linkKeyFile = "links.key"

// openLinkKey reads the key in a folder, and makes it the first time.
func openLinkKey(folder string) (secret.Secret, error) {
	path := filepath.Join(folder, linkKeyFile)
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return makeLinkKey(folder, path)
	case err != nil:
		return secret.Secret{}, err
	}
	key := strings.TrimSpace(string(text))
	if len(key) < 32 {
		return secret.Secret{}, fmt.Errorf("%s: is not a key: delete it, and a new one is made", path)
	}
	return secret.New(key), os.Chmod(path, 0o600)
}

func makeLinkKey(folder, path string) (secret.Secret, error) {
	random := make([]byte, 32)
	_, _ = rand.Read(random) // never fails, by its contract
	key := hex.EncodeToString(random)
	f, err := os.CreateTemp(folder, linkKeyFile+".*") // only its owner may read it
	if err != nil {
		return secret.Secret{}, err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.WriteString(key + "\n")
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return secret.Secret{}, err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return secret.Secret{}, err
	}
	return secret.New(key), syncFolder(folder)
}

func syncFolder(folder string) error {
	d, err := os.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// linkKey is the key of the links and buttons of a configuration.
func (a *App) linkKey(c *config.Config) chatops.Key {
	if c.Server.ActionLinks.Key.IsSet() {
		return chatops.NewKey(c.Server.ActionLinks.Key.Reveal())
	}
	return chatops.NewKey(a.ownLinkKey.Reveal())
}

// secure records in the journal that a configuration has tokens: without them later, nobody else
// may act.
func (a *App) secure(ctx context.Context, c *config.Config) error {
	if len(c.Tokens) == 0 {
		return nil
	}
	if err := a.store.Secure(ctx); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}

// compareLinkKey warns of a key that is not the one that was used last with this journal: links
// and sessions that another guardian signed are refused.
func (a *App) compareLinkKey(ctx context.Context, c *config.Config) error {
	key := a.linkKey(c)
	before, err := a.store.ReplaceShared(ctx, "link_key_id", key.ID())
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	if before.IsSet() && before.Reveal() != key.ID() {
		a.log.Warn("links in messages and logins are signed with another key than before: those that were sent are refused, and people have to log in again",
			"hint", "guardians with one journal need the same server.action_links.key; after a change of the key there is nothing to do")
	}
	return nil
}

// links are the links by which readers of a receiver's messages act on alerts.
type links struct {
	key      chatops.Key
	base     string // the guardian's address
	validFor time.Duration
	receiver string
	buttons  bool // in place of links
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

// buttonsFor is how long buttons work where links are switched off.
const buttonsFor = 24 * time.Hour

// hasButtons tells whether a receiver's messages have buttons in place of links.
func hasButtons(r config.Receiver) bool {
	s, ok := r.Settings.(*notifiers.SlackSettings)
	return ok && s.HasButtons()
}

// actionLinks gives the links or buttons of a receiver's messages; nil: they have none.
func (a *App) actionLinks(c *config.Config, r config.Receiver) func(notifiers.Delivery) []notifiers.Link {
	buttons := hasButtons(r)
	if !buttons && (!c.Server.HasActionLinks() || !a.o.Notifiers[r.Kind].Links) {
		return nil
	}
	l := links{
		key: a.linkKey(c), base: a.externalURL(c), receiver: r.Name, buttons: buttons,
		validFor: cmp.Or(time.Duration(c.Server.ActionLinks.ValidFor), buttonsFor),
	}
	return l.of
}

// slackClicks take the clicks on the buttons of a configuration's receivers.
func (a *App) slackClicks(c *config.Config) map[string]notifiers.SlackClicks {
	all := map[string]notifiers.SlackClicks{}
	for _, r := range c.Receivers {
		if s, ok := r.Settings.(*notifiers.SlackSettings); ok {
			if clicks, ok := notifiers.NewSlackClicks(s, notifiers.Env{Log: a.log, Redactor: a.redactor, UserAgent: a.userAgent(), Now: a.now}); ok {
				all[r.Name] = clicks
			}
		}
	}
	return all
}
