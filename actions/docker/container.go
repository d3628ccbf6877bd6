package docker

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"guardian/actions"
	"guardian/internal/reason"
)

// container is what the engine says of a container.
type container struct {
	ID    string `json:"Id"`
	Name  string // with a leading slash
	Image string // the image's ID
	State struct {
		Status     string
		Running    bool
		Paused     bool
		Restarting bool
		OOMKilled  bool
		ExitCode   int
		Error      string // why it could not be started
		StartedAt  string // RFC 3339
		Health     *struct {
			Status string
			Log    []struct{ Output string }
		}
	}
	RestartCount    int
	Config          object
	HostConfig      object
	Mounts          []mount
	NetworkSettings struct {
		Networks map[string]object
	}
}

type mount struct {
	Type, Name, Destination, Mode string
	RW                            bool
}

func (c container) name() string { return strings.TrimPrefix(c.Name, "/") }

func (c container) label(name string) string {
	labels, _ := c.Config["Labels"].(object)
	v, _ := labels[name].(string)
	return v
}

// imageRef is the image as the container was created with it: a tag, or an ID.
func (c container) imageRef() string { return asText(c.Config["Image"]) }

// autoRemove: the engine removes the container when it stops (--rm).
func (c container) autoRemove() bool {
	auto, _ := c.HostConfig["AutoRemove"].(bool)
	return auto
}

// The states that a container is kept in when it is re-created: the values of labelRunning.
const (
	wasRunning = "true"
	wasStopped = "false"
	wasPaused  = "paused"
	wasFailing = "failing" // restarting, unhealthy, or a sidecar of one that crashed
	wasCrashed = "crashed" // it ended by itself
)

// was gives the state that a container is in.
func (c container) was() string {
	switch s := c.State; {
	case s.Paused:
		return wasPaused
	case s.Restarting, s.Running && s.Health != nil && s.Health.Status == "unhealthy":
		return wasFailing
	case s.Running:
		return wasRunning
	case c.crashed():
		return wasCrashed
	default:
		return wasStopped
	}
}

// crashed tells whether a container that does not run ended by itself: the engine could not start
// it, or it failed. Who is stopped by people ends with 0 or by one of the signals to stop, or has
// a policy by which it would run again otherwise.
func (c container) crashed() bool {
	s := c.State
	if s.Error != "" || s.OOMKilled {
		return true
	}
	policy, _ := c.HostConfig["RestartPolicy"].(object)
	return s.Status == "exited" && !slices.Contains([]int{0, 130, 137, 143}, s.ExitCode) &&
		policy["Name"] != "always" && policy["Name"] != "unless-stopped"
}

// stopTimeout is how long the engine lets a container stop before it kills it; negative: for ever.
func (c container) stopTimeout() time.Duration {
	if n, ok := c.Config["StopTimeout"].(json.Number); ok {
		if seconds, err := n.Int64(); err == nil {
			return time.Duration(seconds) * time.Second
		}
	}
	return 10 * time.Second // the engine's default
}

// The ways in which a container depends on another one, and that the other's re-creation breaks.
const (
	usesNetwork = "network"
	usesPID     = "pid"
	usesIPC     = "ipc"
	usesLink    = "link"
	usesVolumes = "volumes_from"
)

// uses gives the ways in which a container depends on another one. One that takes volumes from it by
// its name does not: the volumes are kept, and so is the name.
func (c container) uses(on container) []string {
	is := func(ref string) bool {
		return ref == on.name() || len(ref) >= len(short(on.ID)) && strings.HasPrefix(on.ID, ref)
	}
	var ways []string
	for _, m := range []struct{ key, way string }{{"NetworkMode", usesNetwork}, {"PidMode", usesPID}, {"IpcMode", usesIPC}} {
		if ref, ok := strings.CutPrefix(asText(c.HostConfig[m.key]), "container:"); ok && is(ref) {
			ways = append(ways, m.way)
		}
	}
	if slices.ContainsFunc(textsOf(c.HostConfig["Links"]), func(l string) bool { return is(linked(l)) }) {
		ways = append(ways, usesLink)
	}
	if slices.ContainsFunc(textsOf(c.HostConfig["VolumesFrom"]), func(v string) bool {
		ref, _, _ := strings.Cut(v, ":")
		return ref != on.name() && is(ref)
	}) {
		ways = append(ways, usesVolumes)
	}
	return ways
}

// linked gives the name or ID of the container that a link is to.
func linked(link string) string {
	to, _, _ := strings.Cut(link, ":")
	return strings.TrimPrefix(to, "/")
}

func (a *engineAPI) inspect(ctx context.Context, nameOrID string) (container, error) {
	var c container
	err := a.call(ctx, apiRequest{method: http.MethodGet, path: "/containers/" + url.PathEscape(nameOrID) + "/json"}, &c)
	return c, err
}

// inspectAll gives all containers that there are, running or not.
func (a *engineAPI) inspectAll(ctx context.Context) ([]container, error) {
	list, err := a.list(ctx)
	if err != nil {
		return nil, err
	}
	var all []container
	for _, l := range list {
		c, err := a.inspect(ctx, l.ID)
		if errors.Is(err, errNoSuch) {
			continue // removed meanwhile
		}
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

// listed is what the engine's list says of a container.
type listed struct {
	ID     string `json:"Id"`
	Names  []string
	Labels map[string]string
}

// name gives a container's own name: one that a link from another container gives it has a second
// slash.
func (l listed) name() string {
	for _, n := range l.Names {
		if n = strings.TrimPrefix(n, "/"); !strings.Contains(n, "/") {
			return n
		}
	}
	return ""
}

// list gives all containers that carry the labels ("name" or "name=value"), running or not.
func (a *engineAPI) list(ctx context.Context, labels ...string) ([]listed, error) {
	query := url.Values{"all": {"1"}}
	if len(labels) > 0 {
		filters, err := json.Marshal(map[string][]string{"label": labels})
		if err != nil {
			return nil, actions.Failure(reason.New("docker_bad_request", "error", err), err)
		}
		query.Set("filters", string(filters))
	}
	var all []listed
	err := a.call(ctx, apiRequest{method: http.MethodGet, path: "/containers/json", query: query}, &all)
	return all, err
}
