package kinds

import (
	"guardian/actions"
	"guardian/actions/docker"
	"guardian/actions/exec"
	"guardian/actions/flag"
	"guardian/actions/git"
	"guardian/actions/helm"
	"guardian/actions/kubernetes"
	"guardian/actions/snapshot"
	"guardian/actions/sql"
	"guardian/actions/ssh"
	"guardian/actions/traffic"
	"guardian/actions/webhook"
	"guardian/actions/window"
)

// Builtin gives the kinds of steps by their key in a runbook.
func Builtin() map[string]actions.Kind {
	return map[string]actions.Kind{
		"compose":     docker.Compose(),
		"docker":      docker.Kind(),
		"exec":        exec.Kind(),
		"flag":        flag.Kind(),
		"helm":        helm.Kind(),
		"kubernetes":  kubernetes.Kind(),
		"freeze":      window.Freeze(),
		"git":         git.Kind(),
		"maintenance": window.Maintenance(),
		"snapshot":    snapshot.Kind(),
		"sql":         sql.Kind(),
		"ssh":         ssh.Kind(),
		"traffic":     traffic.Kind(),
		"webhook":     webhook.Kind(),
	}
}
