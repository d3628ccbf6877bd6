package helm

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"guardian/actions"
	"guardian/actions/exec"
	"guardian/internal/reason"
)

// mostAnswer bounds what helm may write, in bytes: the manifest of a chart with hundreds of objects has a few MiB.
const mostAnswer = 16 << 20

// target is a release as one call of a step sees it.
type target struct {
	call    actions.Call
	name    string
	version string   // the one that is put back
	cluster []string // arguments by which helm finds the cluster and the namespace
}

// look fills the templates in, and makes secrets of the credentials.
func (s *step) look(call actions.Call) (target, error) {
	data, err := call.Data()
	if err != nil {
		return target{}, err
	}
	t := target{call: call}
	var namespace string
	for _, one := range []struct {
		into *string
		from actions.Template
	}{{&t.name, s.release}, {&namespace, s.namespace}, {&t.version, s.version}} {
		if *one.into, err = one.from.Render(data); err != nil {
			return target{}, err
		}
	}
	switch {
	case t.name == "" || strings.HasPrefix(t.name, "-"): // helm would take it for an option
		return target{}, actions.Failure(reason.New("kubernetes_name", "what", "release", "name", t.name))
	case t.version == "":
		return target{}, actions.Failure(reason.New("helm_no_version", "release", t.name))
	}
	for _, one := range []struct{ option, value string }{{"--namespace=", namespace}, {"--kubeconfig=", s.s.Kubeconfig}, {"--kube-context=", s.s.Context}} {
		if one.value != "" {
			t.cluster = append(t.cluster, one.option+one.value)
		}
	}
	return t, s.credentials()
}

// helm runs the program once. What it said when it failed is the error.
func (s *step) helm(ctx context.Context, t target, args ...string) (exec.Ran, error) {
	ran, err := s.program.Run(ctx, t.call, mostAnswer, append(args, t.cluster...)...)
	if err != nil {
		if why := s.program.Unfit(); !why.IsZero() {
			err = actions.Failure(reason.New("helm_missing", "error", why), err)
		}
		return ran, err
	}
	if ran.Code != 0 {
		err = actions.Failure(refusal(t, args[0], ran))
	}
	return ran, err
}

// refusal says why helm ended with another exit status than 0.
func refusal(t target, command string, ran exec.Ran) reason.Reason {
	said := lastError(ran.Stderr)
	switch {
	case strings.Contains(said, "release: not found"):
		return reason.New("helm_no_release", "release", t.name)
	case strings.Contains(said, "forbidden"):
		return reason.New("helm_forbidden", "command", command, "said", said)
	}
	return reason.New("helm_said", "command", command, "status", ran.Code, "said", said)
}

// lastError gives what helm said at last, from its word Error on: before it are warnings.
func lastError(said string) string {
	if i := strings.LastIndex(said, "Error: "); i >= 0 {
		said = said[i+len("Error: "):]
	}
	return strings.TrimSpace(said)
}

// history gives the revisions of a release, oldest first, at least one.
func (s *step) history(ctx context.Context, t target) ([]*revision, error) {
	ran, err := s.helm(ctx, t, "history", t.name, "--output=json", "--max=256")
	if err != nil {
		return nil, err
	}
	all, err := historyOf(ran.Stdout)
	if err != nil {
		return nil, actions.Failure(reason.New("helm_answer", "command", "history", "error", err), err)
	}
	if len(all) == 0 {
		return nil, actions.Failure(reason.New("helm_no_release", "release", t.name))
	}
	return all, nil
}

// carries tells whether a revision carries a version. Where images tell it, helm is asked for the manifest.
func (s *step) carries(ctx context.Context, t target, r *revision, version string) (bool, error) {
	if s.s.VersionIn == inImage && !r.asked {
		ran, err := s.helm(ctx, t, "get", "manifest", t.name, "--revision="+strconv.Itoa(r.Number))
		if err != nil {
			return false, err
		}
		if r.images, err = imagesOf(ran.Stdout); err != nil {
			return false, actions.Failure(reason.New("helm_answer", "command", "get manifest", "error", err), err)
		}
		r.asked = true
	}
	return s.is(r, version), nil
}

// hooks counts the hooks of a revision that a rollback runs.
func (s *step) hooks(ctx context.Context, t target, r *revision) (int, error) {
	ran, err := s.helm(ctx, t, "get", "hooks", t.name, "--revision="+strconv.Itoa(r.Number))
	if err != nil {
		return 0, err
	}
	n, err := rollbackHooks(ran.Stdout)
	if err != nil {
		return 0, actions.Failure(reason.New("helm_answer", "command", "get hooks", "error", err), err)
	}
	return n, nil
}

// values gives what was set for a revision.
func (s *step) values(ctx context.Context, t target, r *revision) (map[string]any, error) {
	ran, err := s.helm(ctx, t, "get", "values", t.name, "--revision="+strconv.Itoa(r.Number), "--output=json")
	if err != nil {
		return nil, err
	}
	var all map[string]any
	if err := json.Unmarshal(ran.Stdout, &all); err != nil {
		return nil, actions.Failure(reason.New("helm_answer", "command", "get values", "error", err), err)
	}
	return all, nil
}

// rollback runs helm rollback. --wait without a value is right for Helm 3, where it is a switch, and for
// Helm 4, where it names a strategy. Without a limit helm would remove all but ten revisions.
func (s *step) rollback(ctx context.Context, t target, to *revision) (exec.Ran, error) {
	wait := "--wait"
	if s.s.Wait == waitLegacy {
		wait = "--wait=legacy"
	}
	return s.helm(ctx, t, "rollback", t.name, strconv.Itoa(to.Number), wait, "--timeout="+time.Duration(s.s.Deadline).String(), "--history-max=0")
}
