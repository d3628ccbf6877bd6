package actions

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
	labelRunning = "guardian.old-running" // "true": the one before it was running, and is started when it is put back
)

// recreate gives the request that creates a container like c with another image, and the
// networks that it must join before it is started. Everything that was set on the container
// is kept; what it had from its old image comes from the new one.
func recreate(c container, old, next image, labels map[string]string) (create object, join map[string]object) {
	config := maps.Clone(c.Config)
	inherited(config, old.Config)
	config["Image"] = next.ref

	merged := object{}
	own, _ := config["Labels"].(object)
	maps.Copy(merged, own)
	for name, v := range labels {
		merged[name] = v
	}
	if _, ok := merged["com.docker.compose.image"]; ok {
		merged["com.docker.compose.image"] = next.ID
	}
	config["Labels"] = merged

	// The engine's default host name is the container's own short ID.
	if config["Hostname"] == short(c.ID) {
		delete(config, "Hostname")
	}
	delete(config, "MacAddress") // moved to the endpoint, where the engine chose it

	host := maps.Clone(c.HostConfig)
	mode, _ := host["NetworkMode"].(string)
	if strings.HasPrefix(mode, "container:") {
		// The container whose network it uses decides these.
		for _, k := range []string{"Hostname", "Domainname", "ExposedPorts"} {
			delete(config, k)
		}
		delete(host, "PortBindings")
	}
	if mounts, ok := host["Mounts"].([]any); ok {
		host["Mounts"] = nameVolumes(c, mounts)
	}
	if binds := keptVolumes(c, host); len(binds) > 0 {
		before, _ := host["Binds"].([]any)
		host["Binds"] = append(slices.Clone(before), binds...)
	}
	if links, ok := host["Links"].([]any); ok {
		host["Links"] = plainLinks(links)
	}

	create = config
	create["HostConfig"] = host
	first, join := endpoints(c, mode)
	if first != nil {
		create["NetworkingConfig"] = object{"EndpointsConfig": first}
	}
	return create, join
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
	for _, k := range []string{"WorkingDir", "User", "Healthcheck", "StopSignal", "Shell", "OnBuild"} {
		if reflect.DeepEqual(config[k], img[k]) {
			delete(config, k)
		}
	}
}

func sameList(a, b any) bool {
	x, _ := a.([]any)
	y, _ := b.([]any)
	return slices.Equal(x, y)
}

// keptVolumes gives binds for the anonymous volumes of the container, which its settings do
// not name: the new one gets the same data.
func keptVolumes(c container, host object) []any {
	named := map[string]bool{}
	binds, _ := host["Binds"].([]any)
	for _, b := range binds {
		if parts := strings.Split(asText(b), ":"); len(parts) > 1 {
			named[parts[1]] = true
		}
	}
	mounts, _ := host["Mounts"].([]any)
	for _, m := range mounts {
		if o, ok := m.(object); ok {
			named[asText(o["Target"])] = true
		}
	}
	var kept []any
	for _, m := range c.Mounts {
		if m.Type != "volume" || m.Name == "" || named[m.Destination] {
			continue
		}
		bind := m.Name + ":" + m.Destination
		if !m.RW {
			bind += ":ro"
		}
		kept = append(kept, bind)
	}
	return kept
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

// plainLinks turns "/db:/web/db", as the engine gives links, into "/db:db", as it accepts them.
func plainLinks(links []any) []any {
	var out []any
	for _, l := range links {
		target, alias, _ := strings.Cut(asText(l), ":")
		out = append(out, target+":"+alias[strings.LastIndexByte(alias, '/')+1:])
	}
	return out
}

// endpoints gives the settings of the container's networks, without the addresses that the
// engine chose: first the one that it is created with, then those that it joins.
func endpoints(c container, mode string) (first, join map[string]object) {
	if mode == "host" || mode == "none" || strings.HasPrefix(mode, "container:") {
		return nil, nil
	}
	if mode == "default" || mode == "" {
		mode = "bridge"
	}
	for _, name := range slices.Sorted(maps.Keys(c.NetworkSettings.Networks)) {
		from := c.NetworkSettings.Networks[name]
		e := object{}
		for _, k := range []string{"IPAMConfig", "Links", "DriverOpts"} {
			if from[k] != nil {
				e[k] = from[k]
			}
		}
		aliases, _ := from["Aliases"].([]any)
		aliases = slices.DeleteFunc(slices.Clone(aliases), func(a any) bool { return a == short(c.ID) })
		if len(aliases) > 0 && name != "bridge" {
			e["Aliases"] = aliases
		}
		if name == mode || from["NetworkID"] == mode {
			first = map[string]object{name: e}
			continue
		}
		if join == nil {
			join = map[string]object{}
		}
		join[name] = e
	}
	return first, join
}

func short(id string) string { return id[:min(12, len(id))] }

func asText(v any) string {
	s, _ := v.(string)
	return s
}
