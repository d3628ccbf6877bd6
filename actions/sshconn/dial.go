package sshconn

import (
	"cmp"
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"time"

	"github.com/skeema/knownhosts"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"guardian/actions"
	"guardian/internal/reason"
)

// connectTimeout bounds how long a machine may take until it is logged in to.
const connectTimeout = 20 * time.Second

// Dial logs in to a machine. Every error is an actions.Failure, also when the time is over: nothing has
// happened on the machine. The connection ends with ctx.
func (l Login) Dial(ctx context.Context, a Address) (*ssh.Client, error) {
	hosts, err := knownhosts.NewDB(l.KnownHosts)
	if err != nil {
		return nil, actions.Failure(reason.New("ssh_known_hosts", "error", bare(err)))
	}
	auth, done, err := l.auth(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	dialing, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(dialing, "tcp", a.String())
	if err != nil {
		return nil, actions.Failure(reason.New("ssh_connect", "host", a.String(), "error", bare(err)))
	}
	// The login knows no context.
	inTime := context.AfterFunc(dialing, func() { _ = conn.Close() })
	var distrust error
	c, channels, requests, err := ssh.NewClientConn(conn, a.String(), &ssh.ClientConfig{
		User: a.User, Auth: []ssh.AuthMethod{auth},
		HostKeyCallback: func(name string, remote net.Addr, key ssh.PublicKey) error {
			distrust = l.check(hosts.HostKeyCallback()(name, remote, key), a, key)
			return distrust
		},
		// Of a host's keys the one that the file knows is asked for.
		HostKeyAlgorithms: hosts.HostKeyAlgorithms(a.String()),
		ClientVersion:     "SSH-2.0-guardian",
	})
	if !inTime() {
		err = cmp.Or(dialing.Err(), err)
	}
	if err != nil {
		_ = conn.Close()
		return nil, cmp.Or(distrust, l.refused(err, a))
	}
	client := ssh.NewClient(c, channels, requests)
	stop := context.AfterFunc(ctx, func() { _ = client.Close() })
	go func() {
		_ = client.Wait()
		stop()
	}()
	return client, nil
}

// check words what the known_hosts file says of a host's key.
func (l Login) check(err error, a Address, key ssh.PublicKey) error {
	shown := key.Type() + " " + ssh.FingerprintSHA256(key)
	switch {
	case err == nil:
		return nil
	case knownhosts.IsHostUnknown(err):
		return actions.Failure(reason.New("ssh_host_unknown", "host", a.String(), "file", l.KnownHosts, "key", shown, "port", a.Port, "name", a.Host))
	case knownhosts.IsHostKeyChanged(err):
		return actions.Failure(reason.New("ssh_host_changed", "host", a.String(), "file", l.KnownHosts, "key", shown))
	default:
		return actions.Failure(reason.New("ssh_known_hosts", "error", err))
	}
}

// refused words why a machine was not logged in to.
func (l Login) refused(err error, a Address) error {
	var algorithms *ssh.AlgorithmNegotiationError
	switch {
	case errors.As(err, &algorithms) && algorithms.What == "host key":
		return actions.Failure(reason.New("ssh_host_algorithm", "host", a.String(), "file", l.KnownHosts, "port", a.Port, "name", a.Host))
	case strings.Contains(err.Error(), "unable to authenticate"):
		return actions.Failure(reason.New("ssh_auth", "host", a.String(), "user", a.User))
	default:
		return actions.Failure(reason.New("ssh_connect", "host", a.String(), "error", bare(err)))
	}
}

// auth gives the way to log in. done is called when that is over.
func (l Login) auth(ctx context.Context) (auth ssh.AuthMethod, done func(), err error) {
	if l.Agent != "" {
		conn, err := (&net.Dialer{Timeout: connectTimeout}).DialContext(ctx, "unix", l.Agent)
		if err != nil {
			return nil, nil, actions.Failure(reason.New("ssh_agent", "agent", l.Agent, "error", bare(err)))
		}
		return ssh.PublicKeysCallback(agent.NewClient(conn).Signers), func() { _ = conn.Close() }, nil
	}
	text, err := os.ReadFile(l.KeyFile)
	if err != nil {
		return nil, nil, actions.Failure(reason.New("ssh_key", "file", l.KeyFile, "error", bare(err)))
	}
	key, err := ssh.ParsePrivateKey(text)
	var encrypted *ssh.PassphraseMissingError
	if errors.As(err, &encrypted) && l.Passphrase.IsSet() {
		key, err = ssh.ParsePrivateKeyWithPassphrase(text, []byte(l.Passphrase.Reveal()))
	}
	switch {
	case errors.As(err, &encrypted):
		return nil, nil, actions.Failure(reason.New("ssh_no_passphrase", "file", l.KeyFile))
	case err != nil:
		// Without the error's text, which may quote what is in the file.
		return nil, nil, actions.Failure(reason.New("ssh_bad_key", "file", l.KeyFile))
	}
	return ssh.PublicKeys(key), func() {}, nil
}

// bare takes the addresses and paths off an error, which the words around it name.
func bare(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return errors.New(path.Path + ": " + path.Err.Error())
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		return op.Err
	}
	return err
}
