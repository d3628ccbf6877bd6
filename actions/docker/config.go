package docker

import (
	"maps"
	"reflect"
	"slices"
	"strings"
)

// The labels that a re-created container carries.
const (
	labelIntent  = "guardian.intent"      // the intent that made it
	labelRun     = "guardian.run"         // the run
	labelRunning = "guardian.old-running" // the state that the one before it was in: was
)

// recreation is what a container is re-created with.
type recreation struct {
	old, next image
	labels    map[string]string
	api       string // the version of the engine's API
	// moved gives the new ID of a container that is re-created, too, by its old one, and by its name
	// after a slash.
	moved map[string]string
	// foreign are the volumes of other containers that this one takes by their names.
	foreign []mount
}

// creation is the request that creates a container, and the networks that it must join, and leave,
// before it is started.
type creation struct {
	config object
	join   map[string]object
	leave  string
}

// recreate gives the request that creates a container like c with another image. Everything that was
// set on the container is kept; what it had from its old image comes from the new one.
func recreate(c container, r recreation) creation {
	config := maps.Clone(c.Config)
	inherited(config, r.old.Config)
	config["Image"] = r.next.ref

	merged := object{}
	maps.Copy(merged, asObject(config["Labels"]))
	for name, v := range r.labels {
		merged[name] = v
	}
	if _, ok := merged["com.docker.compose.image"]; ok {
		merged["com.docker.compose.image"] = r.next.ID
	}
	config["Labels"] = merged

	// The engine's default host name is the container's own short ID.
	if config["Hostname"] == short(c.ID) {
		delete(config, "Hostname")
	}

	host := maps.Clone(c.HostConfig)
	if strings.HasPrefix(asText(host["NetworkMode"]), "container:") {
		// The container whose network it uses decides these.
		for _, k := range []string{"Hostname", "Domainname", "ExposedPorts"} {
			delete(config, k)
		}
		delete(host, "PortBindings")
	}
	if mounts, ok := host["Mounts"].([]any); ok {
		host["Mounts"] = nameVolumes(c, mounts)
	}
	keepVolumes(c, host, r.foreign)
	follow(host, r.moved)

	out := creation{config: config}
	first := out.networks(c)
	if mac := asText(config["MacAddress"]); mac != "" && first != nil && !older(r.api, macOfEndpoint) {
		for _, endpoint := range first {
			endpoint["MacAddress"] = mac
		}
		delete(config, "MacAddress")
	}
	config["HostConfig"] = host
	if first != nil {
		config["NetworkingConfig"] = object{"EndpointsConfig": first}
	}
	return out
}

// macOfEndpoint is the version of the API from which on an address that was set belongs to the
// endpoint in the container's first network. The engine tells of it in the container's Config, as
// before, and there of no address that it chose itself.
const macOfEndpoint = "1.44"

// follow makes settings name the containers that are re-created by their new IDs. Volumes that are
// taken by a container's name still are.
func follow(host object, moved map[string]string) {
	to := func(ref string) string {
		for old, id := range moved {
			if old == ref || len(ref) >= len(short(old)) && strings.HasPrefix(old, ref) && !strings.HasPrefix(ref, "/") {
				return id
			}
		}
		return ref
	}
	for _, k := range []string{"NetworkMode", "PidMode", "IpcMode"} {
		if ref, ok := strings.CutPrefix(asText(host[k]), "container:"); ok {
			host[k] = "container:" + to(ref)
		}
	}
	if from := textsOf(host["VolumesFrom"]); from != nil {
		for i, v := range from {
			ref, mode, cut := strings.Cut(v, ":")
			if from[i] = to(ref); cut {
				from[i] += ":" + mode
			}
		}
		host["VolumesFrom"] = from
	}
	if links := textsOf(host["Links"]); links != nil {
		// The engine gives "/db:/web/db" and accepts "/db:db".
		for i, l := range links {
			target, alias, _ := strings.Cut(l, ":")
			links[i] = to(target) + ":" + alias[strings.LastIndexByte(alias, '/')+1:]
		}
		host["Links"] = links
	}
}

// inherited deletes from a container's configuration what it has from its image.
func inherited(config, img object) {
	if img == nil {
		return
	}
	if own, ok := config["Env"].([]any); ok {
		from, _ := img["Env"].([]any)
		config["Env"] = slices.DeleteFunc(slices.Clone(own), func(v any) bool { return slices.Contains(from, v) })
	}
	for _, k := range []string{"Labels", "ExposedPorts", "Volumes"} {
		own, ok := config[k].(object)
		from, _ := img[k].(object)
		if !ok || len(from) == 0 {
			continue
		}
		kept := maps.Clone(own)
		for name, v := range from {
			if reflect.DeepEqual(kept[name], v) {
				delete(kept, name)
			}
		}
		config[k] = kept
	}
	// A command like the image's is from the image only when the entrypoint is, too: an own
	// entrypoint drops the image's command, so that both were set together.
	entrypoint := sameList(config["Entrypoint"], img["Entrypoint"])
	if entrypoint && sameList(config["Cmd"], img["Cmd"]) {
		delete(config, "Cmd")
	}
	if entrypoint {
		delete(config, "Entrypoint")
	}
	if len(asList(config["Entrypoint"])) == 0 && !entrypoint {
		config["Entrypoint"] = []any{""} // the image's was taken away: nothing at all would bring it back
	}
	for _, k := range []string{"WorkingDir", "User", "StopSignal", "Shell", "OnBuild"} {
		if reflect.DeepEqual(config[k], img[k]) {
			delete(config, k)
		}
	}
	// Each part of a health check comes from the image unless it was set.
	if check := maps.Clone(asObject(config["Healthcheck"])); check != nil {
		for k, v := range asObject(img["Healthcheck"]) {
			if reflect.DeepEqual(check[k], v) {
				delete(check, k)
			}
		}
		if config["Healthcheck"] = check; len(check) == 0 {
			delete(config, "Healthcheck")
		}
	}
}

func sameList(a, b any) bool {
	x, _ := a.([]any)
	y, _ := b.([]any)
	return slices.Equal(x, y)
}

// keepVolumes adds binds for the anonymous volumes of the container, which its settings do not name:
// the new one gets the same data.
func keepVolumes(c container, host object, foreign []mount) {
	named := map[string]bool{}
	for _, m := range asList(host["Mounts"]) {
		named[asText(asObject(m)["Target"])] = true
	}
	var binds []any
	for _, b := range textsOf(host["Binds"]) {
		// A bind of a folder alone is an anonymous volume.
		if parts := strings.Split(b, ":"); len(parts) > 1 {
			named[parts[1]] = true
			binds = append(binds, b)
		}
	}
	for _, m := range c.Mounts {
		taken := slices.ContainsFunc(foreign, func(f mount) bool { return f.Name == m.Name && f.Destination == m.Destination })
		if m.Type != "volume" || m.Name == "" || named[m.Destination] || taken {
			continue
		}
		bind := m.Name + ":" + m.Destination
		if !m.RW {
			bind += ":ro"
		}
		binds = append(binds, bind)
	}
	if len(binds) > 0 {
		host["Binds"] = binds
	}
}

// nameVolumes puts the names that the engine gave to volumes into the mounts without one.
func nameVolumes(c container, mounts []any) []any {
	names := map[string]string{}
	for _, m := range c.Mounts {
		if m.Type == "volume" {
			names[m.Destination] = m.Name
		}
	}
	var out []any
	for _, m := range mounts {
		o, ok := m.(object)
		if ok && o["Type"] == "volume" && asText(o["Source"]) == "" && names[asText(o["Target"])] != "" {
			o = maps.Clone(o)
			o["Source"] = names[asText(o["Target"])]
			m = o
		}
		out = append(out, m)
	}
	return out
}

// networks gives the settings of the container's networks, without the addresses that the engine
// chose: those of the first one, that it is created with. The others it joins; the first one it leaves
// when the container was taken out of it.
func (out *creation) networks(c container) (first map[string]object) {
	mode := asText(c.HostConfig["NetworkMode"])
	if mode == "host" || mode == "none" || strings.HasPrefix(mode, "container:") {
		return nil
	}
	if mode == "default" || mode == "" {
		mode = "bridge"
	}
	disabled, _ := c.Config["NetworkDisabled"].(bool)
	for _, name := range slices.Sorted(maps.Keys(c.NetworkSettings.Networks)) {
		if name == "none" { // of an engine without a bridge
			disabled = true
			continue
		}
		from := c.NetworkSettings.Networks[name]
		e := object{}
		for _, k := range []string{"IPAMConfig", "Links", "DriverOpts", "GwPriority"} {
			if from[k] != nil {
				e[k] = from[k]
			}
		}
		aliases := slices.DeleteFunc(asList(from["Aliases"]), func(a any) bool { return a == short(c.ID) })
		if len(aliases) > 0 && name != "bridge" {
			e["Aliases"] = aliases
		}
		if name == mode || from["NetworkID"] == mode {
			first = map[string]object{name: e}
			continue
		}
		if out.join == nil {
			out.join = map[string]object{}
		}
		out.join[name] = e
	}
	if first == nil && !disabled {
		out.leave = mode
	}
	return first
}

func short(id string) string { return id[:min(12, len(id))] }

func asText(v any) string {
	s, _ := v.(string)
	return s
}

func asObject(v any) object {
	o, _ := v.(object)
	return o
}

// asList gives a copy of a list.
func asList(v any) []any {
	l, _ := v.([]any)
	return slices.Clone(l)
}

// textsOf gives the texts of a list.
func textsOf(v any) []string {
	var out []string
	for _, e := range asList(v) {
		out = append(out, asText(e))
	}
	return out
}
