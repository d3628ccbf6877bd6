//go:build !linux

package docker

import (
	"context"
	"errors"
	"net"
	"os/exec"
)

func isolate(*exec.Cmd) error {
	return errors.New("an engine of the test's own is started on Linux only, and DOCKER_HOST is not set")
}

func (e Engine) dial(ctx context.Context, network, address string) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, network, address)
}
