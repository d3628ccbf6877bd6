package sshconn_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"guardian/actions/sshconn"
	"guardian/internal/secret"
	"guardian/test/sshd"
)

func login(s *sshd.Server) (sshconn.Login, sshconn.Address) {
	return sshconn.Login{KnownHosts: s.KnownHosts, KeyFile: s.KeyFile}, sshconn.Address{User: s.User, Host: s.Host, Port: s.Port}
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func line(t *testing.T, s *sshd.Server) string {
	t.Helper()
	text, err := os.ReadFile(s.KnownHosts)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestNobodyIsTrustedWhoIsNotKnown(t *testing.T) {
	s := sshd.Start(t)
	other, err := sshd.NewKey(filepath.Join(t.TempDir(), "other"), "")
	if err != nil {
		t.Fatal(err)
	}
	at := fmt.Sprintf("[127.0.0.1]:%d ", s.Port)
	changed := at + string(ssh.MarshalAuthorizedKey(other))
	for name, c := range map[string]struct {
		hosts string
		want  []string
	}{
		"the host":           {line(t, s), nil},
		"the host, hashed":   {hashed(t, line(t, s)), nil},
		"other hosts":        {strings.ReplaceAll(line(t, s), "127.0.0.1", "127.0.0.2"), []string{"is not in", "ssh-keyscan -p " + fmt.Sprint(s.Port) + " 127.0.0.1", s.Fingerprint}},
		"another key":        {changed, []string{"another one for it", s.Fingerprint}},
		"a key of that kind": {at + "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBEmKSENjQEezOmxkZMy7opKgwFB9nkt5YRrYMjNuG5N87uRgg6CLrbo5wAdT/y6v0mKV0U2w0WZ2YB/++Tpockg=\n", []string{"no key of the kind"}},
		"a revoked key":      {line(t, s) + "@revoked " + line(t, s), []string{"revoked"}},
		"what is no file":    {"what is this\n", []string{"known_hosts"}},
		"nothing":            {"", []string{"is not in"}},
	} {
		t.Run(name, func(t *testing.T) {
			l, a := login(s)
			l.KnownHosts = write(t, c.hosts)
			client, err := l.Dial(t.Context(), a)
			if err == nil {
				_ = client.Close()
			}
			if (err == nil) != (c.want == nil) {
				t.Fatalf("error %v", err)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %v, want …%s…", err, want)
				}
			}
		})
	}
}

// hashed hides the names in a file, as Debian's ssh writes it.
func hashed(t *testing.T, text string) string {
	t.Helper()
	path := write(t, text)
	if out, err := exec.Command("ssh-keygen", "-H", "-f", path).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestKeys(t *testing.T) {
	s := sshd.Start(t)
	dir := t.TempDir()
	locked := filepath.Join(dir, "locked")
	key, err := sshd.NewKey(locked, "hunter2-passphrase")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Trust(key); err != nil {
		t.Fatal(err)
	}
	if _, err := sshd.NewKey(filepath.Join(dir, "stranger"), ""); err != nil {
		t.Fatal(err)
	}
	socket := startAgent(t, s.KeyFile)
	for name, c := range map[string]struct {
		login sshconn.Login
		want  string
	}{
		"of a file":                 {sshconn.Login{KeyFile: s.KeyFile}, ""},
		"of an encrypted file":      {sshconn.Login{KeyFile: locked, Passphrase: secret.New("hunter2-passphrase")}, ""},
		"of an agent":               {sshconn.Login{Agent: socket}, ""},
		"without its passphrase":    {sshconn.Login{KeyFile: locked}, "set passphrase"},
		"with another passphrase":   {sshconn.Login{KeyFile: locked, Passphrase: secret.New("hunter2-other")}, "passphrase is wrong"},
		"that nobody let in":        {sshconn.Login{KeyFile: filepath.Join(dir, "stranger")}, "authorized_keys"},
		"that is not there":         {sshconn.Login{KeyFile: filepath.Join(dir, "nothing")}, "no such file"},
		"that is none":              {sshconn.Login{KeyFile: s.KnownHosts}, "no private key"},
		"of an agent that is away":  {sshconn.Login{Agent: filepath.Join(dir, "nothing")}, "agent"},
		"of a host file not there ": {sshconn.Login{KeyFile: s.KeyFile, KnownHosts: filepath.Join(dir, "nothing")}, "known_hosts"},
	} {
		t.Run(name, func(t *testing.T) {
			l, a := login(s)
			if c.login.KnownHosts == "" {
				c.login.KnownHosts = l.KnownHosts
			}
			client, err := c.login.Dial(t.Context(), a)
			if err == nil {
				_ = client.Close()
			}
			if (err == nil) != (c.want == "") || err != nil && (!strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2")) {
				t.Errorf("error %v, want …%s…", err, c.want)
			}
		})
	}
}

// startAgent serves an agent with the key of a file.
func startAgent(t *testing.T, keyFile string) string {
	t.Helper()
	text, err := os.ReadFile(keyFile)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.ParseRawPrivateKey(text)
	if err != nil {
		t.Fatal(err)
	}
	ring := agent.NewKeyring()
	if err := ring.Add(agent.AddedKey{PrivateKey: key}); err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "agent") // not t.TempDir: the path of a socket may have 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "agent")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _ = agent.ServeAgent(ring, c) }()
		}
	}()
	return socket
}

// A server that accepts connections and says nothing holds nobody longer than its time.
func TestASilentServerIsLeft(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	s := sshd.Start(t)
	set, a := login(s)
	a.Port = l.Addr().(*net.TCPAddr).Port
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		if c, err := l.Accept(); err == nil {
			cancel()
			defer func() { _ = c.Close() }()
			<-t.Context().Done()
		}
	}()
	// Nothing has happened there: it is no question whether something did.
	if _, err := set.Dial(ctx, a); err == nil || errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}
