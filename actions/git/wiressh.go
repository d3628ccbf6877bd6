package git

import (
	"bytes"
	"context"
	"io"
	"strings"

	"golang.org/x/crypto/ssh"

	"guardian/actions"
	"guardian/actions/sshconn"
	"guardian/internal/reason"
)

// sshServer runs git's services on the server, each in a session of its own.
type sshServer struct {
	client *ssh.Client
	path   string
}

func (s *sshServer) Close() error { return s.client.Close() }

func (s *sshServer) open(ctx context.Context, service string) (talk, error) {
	session, err := s.client.NewSession()
	if err != nil {
		return nil, actions.Failure(reason.New("git_read", "host", s.client.RemoteAddr().String(), "error", err))
	}
	t := &sshTalk{session: session}
	session.Stderr = &t.stderr
	t.stdin, err = session.StdinPipe()
	if err == nil {
		t.stdout, err = session.StdoutPipe()
	}
	if err == nil {
		err = session.Start(service + " " + quotedPath(s.path))
	}
	if err != nil {
		_ = session.Close()
		return nil, actions.Failure(reason.New("git_read", "host", s.client.RemoteAddr().String(), "error", err))
	}
	return t, nil
}

// quotedPath quotes a path always: the servers of forges take apart what they are sent.
func quotedPath(path string) string {
	if q := sshconn.Quote(path); strings.HasPrefix(q, "'") {
		return q
	}
	return "'" + path + "'"
}

type sshTalk struct {
	session *ssh.Session
	stdin   io.WriteCloser
	stdout  io.Reader
	stderr  actions.Clip
}

func (t *sshTalk) refs() io.Reader { return t.stdout }

func (t *sshTalk) ask(_ context.Context, request *bytes.Buffer) (io.Reader, error) {
	if _, err := request.WriteTo(t.stdin); err != nil {
		return nil, err
	}
	return t.stdout, t.stdin.Close()
}

func (t *sshTalk) said() string { return strings.TrimSpace(t.stderr.Text()) }

func (t *sshTalk) Close() error { return t.session.Close() }
