package docker_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"guardian/actions/docker"
)

// settings are what people set on containers, one at a time, as they are given to the engine.
func settings(folder string) map[string]object {
	host := func(key string, value any) object { return object{"HostConfig": object{key: value}} }
	return map[string]object{
		"hostname":              {"Hostname": "shop-1"},
		"domainname":            {"Domainname": "example.com"},
		"user":                  {"User": "1000:1000"},
		"tty":                   {"Tty": true},
		"open stdin":            {"OpenStdin": true, "StdinOnce": true},
		"environment":           {"Env": []string{"TOKEN=abc", "EMPTY=", "SHARED=mine"}},
		"command":               {"Cmd": []string{"--shop", "sg-1"}},
		"entrypoint":            {"Entrypoint": []string{"/shop", "--own"}},
		"entrypoint taken away": {"Entrypoint": []string{""}, "Cmd": []string{"/shop"}},
		"working directory":     {"WorkingDir": "/srv/shop"},
		"labels":                {"Labels": object{"team": "orders", "com.docker.compose.project": "mall"}},
		"exposed ports":         {"ExposedPorts": object{"9000/tcp": object{}, "53/udp": object{}}},
		"health check":          {"Healthcheck": object{"Test": []string{"CMD", "/shop", "health"}, "Interval": 7e9, "Retries": 5}},
		"no health check":       {"Healthcheck": object{"Test": []string{"NONE"}}},
		"stop signal":           {"StopSignal": "SIGUSR1"},
		"stop timeout":          {"StopTimeout": 40},
		"network disabled":      {"NetworkDisabled": true, "HostConfig": object{"NetworkMode": "none"}},
		"MAC address":           {"MacAddress": "02:42:aa:bb:cc:dd"},
		"anonymous volume":      {"Volumes": object{"/cache-of-mine": object{}}},
		"bind":                  host("Binds", []string{folder + ":/files:ro"}),
		"named volume":          host("Binds", []string{"orders:/orders"}),
		"volume of a bind":      host("Binds", []string{"/scratch"}),
		"bind mount":            host("Mounts", []object{{"Type": "bind", "Source": folder, "Target": "/m", "ReadOnly": true, "BindOptions": object{"Propagation": "rslave"}}}),
		"volume mount":          host("Mounts", []object{{"Type": "volume", "Target": "/v", "VolumeOptions": object{"Labels": object{"a": "b"}}}}),
		"tmpfs mount":           host("Mounts", []object{{"Type": "tmpfs", "Target": "/t", "TmpfsOptions": object{"SizeBytes": 1 << 20}}}),
		"tmpfs":                 host("Tmpfs", object{"/scratch": "size=1m"}),
		"published ports":       {"ExposedPorts": object{"8080/tcp": object{}}, "HostConfig": object{"PortBindings": object{"8080/tcp": []object{{"HostIp": "127.0.0.1", "HostPort": "18080"}}}}},
		"all ports published":   host("PublishAllPorts", true),
		"restart policy":        host("RestartPolicy", object{"Name": "on-failure", "MaximumRetryCount": 7}),
		"memory":                host("Memory", 64<<20),
		"memory reservation":    host("MemoryReservation", 32<<20),
		"CPUs":                  host("NanoCpus", 500_000_000),
		"CPU shares":            host("CpuShares", 512),
		"CPU set":               host("CpusetCpus", "0"),
		"PIDs":                  host("PidsLimit", 100),
		"ulimits":               host("Ulimits", []object{{"Name": "nofile", "Soft": 1024, "Hard": 2048}}),
		"OOM score":             host("OomScoreAdj", 500),
		"capabilities":          {"HostConfig": object{"CapAdd": []string{"NET_ADMIN"}, "CapDrop": []string{"MKNOD"}}},
		"privileged":            host("Privileged", true),
		"security options":      host("SecurityOpt", []string{"no-new-privileges"}),
		"read-only root":        host("ReadonlyRootfs", true),
		"masked paths":          {"HostConfig": object{"MaskedPaths": []string{}, "ReadonlyPaths": []string{}}},
		"group":                 host("GroupAdd", []string{"1001"}),
		"devices":               host("Devices", []object{{"PathOnHost": "/dev/null", "PathInContainer": "/dev/mine", "CgroupPermissions": "rwm"}}),
		"device rules":          host("DeviceCgroupRules", []string{"c 1:3 rwm"}),
		"DNS":                   {"HostConfig": object{"Dns": []string{"10.0.0.2"}, "DnsSearch": []string{"mall.test"}, "DnsOptions": []string{"ndots:2"}}},
		"hosts":                 host("ExtraHosts", []string{"db:10.0.0.9"}),
		"log driver":            host("LogConfig", object{"Type": "json-file", "Config": object{"max-size": "10m", "max-file": "3"}}),
		"shared memory":         host("ShmSize", 32<<20),
		"init":                  host("Init", true),
		"sysctls":               host("Sysctls", object{"net.core.somaxconn": "1024"}),
		"host's network":        host("NetworkMode", "host"),
		"no network":            host("NetworkMode", "none"),
		"host's PID namespace":  host("PidMode", "host"),
		"IPC mode":              host("IpcMode", "shareable"),
		"host's UTS namespace":  host("UTSMode", "host"),
		"cgroup namespace":      host("CgroupnsMode", "private"),
		"runtime":               host("Runtime", "runc"),
	}
}

// testSettings re-creates a container with each setting, and one with many at once that runs.
func (y *dockerHost) testSettings(t *testing.T) {
	t.Helper()
	all := settings(t.TempDir())
	if len(all) < 50 {
		t.Errorf("%d settings are tried, want 50", len(all))
	}
	for i, name := range slices.Sorted(maps.Keys(all)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			container := fmt.Sprintf("setting-%02d", i)
			y.make(t, container, with(object{"Image": "shop:v2"}, all[name]))
			y.keepsSettings(t, container)
		})
	}
	t.Run("many of a container that runs", func(t *testing.T) {
		t.Parallel()
		config := object{"Image": "shop:v2"}
		for _, name := range []string{
			"hostname", "environment", "command", "labels", "stop signal", "stop timeout", "MAC address", "anonymous volume", "bind", "volume mount",
			"volume of a bind", "published ports", "restart policy", "memory", "CPU shares", "ulimits", "capabilities", "hosts", "DNS", "log driver", "IPC mode", "devices",
		} {
			config = with(config, all[name])
		}
		y.create(t, "many-settings", config)
		y.keepsSettings(t, "many-settings")
	})
}

// with gives settings with more of them.
func with(config, more object) object {
	out := maps.Clone(config)
	for k, v := range more {
		if have, ok := out[k].(object); ok {
			v = with(have, v.(object))
		}
		out[k] = v
	}
	return out
}

// make creates a container and does not start it.
func (y *dockerHost) make(t *testing.T, name string, config object) {
	t.Helper()
	y.must(t, "POST", "/containers/create?name="+name, with(object{"HostConfig": object{}}, config), nil)
	t.Cleanup(func() { y.clear(t, name) })
}

// keepsSettings re-creates a container with its image's version v1, and tells what differs.
func (y *dockerHost) keepsSettings(t *testing.T, name string) {
	t.Helper()
	before := y.inspect(t, name)
	step := dockerStep(t, func(s *docker.Settings) { s.Host, s.Container, s.Image = y.host, name, "shop:{{.To}}" })
	if out, err := step.Do(t.Context(), dockerCall(t, "v1")); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	after := y.inspect(t, name)
	if before["Id"] == after["Id"] || get(after, "Config", "Image") != "shop:v1" {
		t.Errorf("it is %v with image %v, want a new one", after["Id"], get(after, "Config", "Image"))
	}
	if d := cmp.Diff(comparable(before), comparable(after)); d != "" {
		t.Errorf("(-before +after)\n%s", d)
	}
}

// comparable is what people set on a container and the state that they see, of what the engine tells
// of it: without what differs between two containers that are made alike.
func comparable(c object) object {
	config, host := maps.Clone(c["Config"].(object)), maps.Clone(c["HostConfig"].(object))
	id := c["Id"].(string)
	delete(config, "Image")
	if config["Hostname"] == id[:12] {
		delete(config, "Hostname")
	}
	version := func(v any) any { return strings.NewReplacer("v1", "v?", "v2", "v?").Replace(fmt.Sprint(v)) }
	labels := object{}
	for k, v := range config["Labels"].(object) {
		if !strings.HasPrefix(k, "guardian.") {
			labels[k] = version(v)
		}
	}
	config["Labels"] = labels
	env := version(config["Env"])
	config["Env"] = strings.Join(slices.Sorted(strings.FieldsSeq(strings.Trim(env.(string), "[]"))), " ")
	config["WorkingDir"] = version(config["WorkingDir"])

	// An anonymous volume is kept by its name.
	mounts := map[string]object{}
	for _, m := range c["Mounts"].([]any) {
		m := m.(object)
		mounts[m["Destination"].(string)] = object{"Type": m["Type"], "Name": m["Name"], "Source": m["Source"], "RW": m["RW"], "Propagation": m["Propagation"]}
	}
	var binds []string
	list, _ := host["Binds"].([]any)
	for _, b := range list {
		if from, at, _ := strings.Cut(b.(string), ":"); at != "" && len(from) != 64 {
			binds = append(binds, b.(string))
		}
	}
	host["Binds"] = strings.Join(binds, " ")
	var named []object
	list, _ = host["Mounts"].([]any)
	for _, m := range list {
		m := maps.Clone(m.(object))
		if source, _ := m["Source"].(string); len(source) == 64 {
			delete(m, "Source")
		}
		named = append(named, m)
	}
	host["Mounts"] = named

	networks := object{}
	for name, n := range get(c, "NetworkSettings", "Networks").(object) {
		n := maps.Clone(n.(object))
		for _, k := range []string{"EndpointID", "IPAddress", "MacAddress", "NetworkID"} {
			delete(n, k)
		}
		var aliases []any
		list, _ := n["Aliases"].([]any)
		for _, a := range list {
			if a != id[:12] {
				aliases = append(aliases, a)
			}
		}
		n["Aliases"] = aliases
		networks[name] = n
	}
	return object{"Config": config, "HostConfig": host, "Mounts": mounts, "Networks": networks, "State": get(c, "State", "Status"), "Name": c["Name"]}
}
