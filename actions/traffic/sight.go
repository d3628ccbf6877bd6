package traffic

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"guardian/actions"
)

// Sees implements actions.Sighted: a pool that is always the same says nothing about a version.
func (t *step) Sees() bool {
	if t.s.NGINX != nil && t.s.NGINX.Template != "" {
		return actions.ByVersion(t.s.NGINX.Template)
	}
	return actions.ByVersion(t.to.Source())
}

// Sight implements actions.Sighted: whether the traffic is divided as after the last stage.
func (t *step) Sight(ctx context.Context, call actions.Call) (actions.Sight, error) {
	p, err := t.sight(ctx, call)
	if err != nil {
		return actions.Sight{}, actions.RedactError(err, t.env.Redactor)
	}
	p.Runs = actions.ClipText(p.Runs, t.env.Redactor)
	return actions.Sight{Parts: []actions.Part{p}}, nil
}

func (t *step) sight(ctx context.Context, call actions.Call) (actions.Part, error) {
	b, err := t.bind(call, io.Discard)
	if err != nil {
		return actions.Part{}, err
	}
	p := actions.Part{Name: t.place(), Fit: actions.Differs}
	if r, ok := b.balancer.(*rendered); ok {
		return r.sight(p)
	}
	now, err := b.look(ctx)
	if err != nil {
		return p, err
	}
	last := b.stages[len(b.stages)-1]
	p.Runs, p.Should = now.words, fmt.Sprintf("%s %d%%", last.pool, last.percent)
	if now.reached == len(b.stages) {
		p.Fit = actions.Fits
	}
	return p, nil
}

// sight compares the file with the version's, whatever else it holds, and whether it is loaded.
func (r *rendered) sight(p actions.Part) (actions.Part, error) {
	text, err := r.read()
	if err != nil {
		return p, err
	}
	loaded, err := r.loaded()
	if err != nil {
		return p, err
	}
	p.Runs, p.Should = digest(text), digest(r.next)
	if loaded && strings.TrimSpace(text) == strings.TrimSpace(r.next) {
		p.Fit = actions.Fits
	}
	return p, nil
}

// digest names a text: what it holds may be secret.
func digest(text string) string {
	sum := sha256.Sum256([]byte(strings.TrimSpace(text)))
	return "sha256:" + hex.EncodeToString(sum[:6])
}

// place names what divides the traffic.
func (t *step) place() string {
	if t.s.NGINX != nil {
		return t.s.NGINX.File
	}
	return t.s.HAProxy.Backend
}
