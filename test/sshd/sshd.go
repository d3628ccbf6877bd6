package sshd

import (
	"crypto/ed25519"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"guardian/test/port"
	"guardian/test/process"
)

// startTimeout bounds how long a server may take to listen.
const startTimeout = time.Minute

// Server is an SSH server on 127.0.0.1.
type Server struct {
	Host string
	Port int
	User string
	// KnownHosts is a file with its key, and KeyFile one with a private key that it lets in.
	KnownHosts, KeyFile string
	// Fingerprint is that of its host key.
	Fingerprint string
	// Dir is where its files are.
	Dir string

	config  string
	as      *syscall.Credential // nil: the user who runs the tests
	process *process.Process
}

// Start starts a server that ends with the test. accept are the environment variables that it takes.
// Without sshd on the machine the test is skipped, and fails with CI=true.
func Start(tb testing.TB, accept ...string) *Server {
	tb.Helper()
	program := programPath()
	if program == "" {
		if os.Getenv("CI") == "true" {
			tb.Fatal("sshd is not installed (Debian: apt-get install openssh-server)")
		}
		tb.Skip("sshd is not installed (Debian: apt-get install openssh-server)")
	}
	s := &Server{Host: "127.0.0.1"}
	if err := s.account(); err != nil {
		tb.Fatal(err)
	}
	s.Dir = s.Folder(tb)
	if err := s.prepare(accept); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.Stop)
	s.start(tb, program)
	return s
}

func programPath() string {
	for _, path := range []string{"/usr/sbin/sshd", "/usr/local/sbin/sshd", "/sbin/sshd"} {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return ""
}

// account finds out whose server it is: the user's who runs the tests, and not root's, to whom sshd
// does not pass signals on.
func (s *Server) account() error {
	me, err := user.Current()
	if err != nil {
		return err
	}
	if me.Uid == "0" {
		if me, err = user.Lookup("postgres"); err != nil {
			return fmt.Errorf("as root, the account of PostgreSQL is needed: %w", err)
		}
		s.as = &syscall.Credential{}
		for _, id := range []struct {
			text string
			to   *uint32
		}{{me.Uid, &s.as.Uid}, {me.Gid, &s.as.Gid}} {
			n, err := strconv.ParseUint(id.text, 10, 32)
			if err != nil {
				return err
			}
			*id.to = uint32(n)
		}
	}
	s.User = me.Username
	return nil
}

// Folder makes a folder of the server's account, which is removed at the test's end.
func (s *Server) Folder(tb testing.TB) string {
	tb.Helper()
	dir, err := os.MkdirTemp("", "sshd-test-")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := s.Give(dir); err != nil {
		tb.Fatal(err)
	}
	return dir
}

// Give makes files the account's own.
func (s *Server) Give(paths ...string) error {
	if s.as == nil {
		return nil
	}
	for _, p := range paths {
		if err := os.Chown(p, int(s.as.Uid), int(s.as.Gid)); err != nil {
			return err
		}
	}
	return nil
}

// Command is a program that the account runs.
func (s *Server) Command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.as}
	cmd.Dir, cmd.Env = s.Dir, append(os.Environ(), "HOME="+s.Dir)
	return cmd
}

// prepare writes keys and the configuration.
func (s *Server) prepare(accept []string) (err error) {
	if s.Port, err = port.Free(); err != nil {
		return err
	}
	file := func(name string) string { return filepath.Join(s.Dir, name) }
	s.KnownHosts, s.KeyFile, s.config = file("known_hosts"), file("id_ed25519"), file("sshd_config")
	host, err := NewKey(file("host_key"), "")
	if err != nil {
		return err
	}
	key, err := NewKey(s.KeyFile, "")
	if err != nil {
		return err
	}
	s.Fingerprint = ssh.FingerprintSHA256(host)
	config := fmt.Sprintf(`ListenAddress 127.0.0.1:%d
HostKey %s
AuthorizedKeysFile %s
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
MaxStartups 100
LogLevel ERROR
`, s.Port, file("host_key"), file("authorized_keys"))
	if len(accept) > 0 {
		config += "AcceptEnv " + strings.Join(accept, " ") + "\n"
	}
	for path, text := range map[string]string{
		s.config: config, file("authorized_keys"): string(ssh.MarshalAuthorizedKey(key)), file("sshd.log"): "",
		s.KnownHosts: fmt.Sprintf("[127.0.0.1]:%d %s", s.Port, ssh.MarshalAuthorizedKey(host)),
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return err
		}
	}
	return s.Give(s.config, file("authorized_keys"), file("host_key"), file("sshd.log"))
}

// NewKey writes a private key into a file and gives its public half.
func NewKey(path, passphrase string) (ssh.PublicKey, error) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, err
	}
	var block *pem.Block
	if passphrase == "" {
		block, err = ssh.MarshalPrivateKey(private, "a test")
	} else {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(private, "a test", []byte(passphrase))
	}
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
		return nil, err
	}
	return ssh.NewPublicKey(public)
}

// Trust lets one more key in.
func (s *Server) Trust(key ssh.PublicKey) error {
	f, err := os.OpenFile(filepath.Join(s.Dir, "authorized_keys"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if _, err := f.Write(ssh.MarshalAuthorizedKey(key)); err != nil {
		return err
	}
	return f.Close()
}

// start runs the server and waits until it listens.
func (s *Server) start(tb testing.TB, program string) {
	tb.Helper()
	log, err := os.OpenFile(filepath.Join(s.Dir, "sshd.log"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	cmd := s.Command(program, "-D", "-e", "-f", s.config)
	cmd.Stdout, cmd.Stderr = log, log
	if s.process, err = process.Start(cmd); err != nil {
		tb.Fatal(err)
	}
	for deadline := time.Now().Add(startTimeout); ; time.Sleep(20 * time.Millisecond) {
		conn, err := net.Dial("tcp", net.JoinHostPort(s.Host, strconv.Itoa(s.Port)))
		if err == nil {
			_ = conn.Close()
			return
		}
		select {
		case <-s.process.Done:
			said, _ := os.ReadFile(log.Name())
			tb.Fatalf("sshd does not start: %s", said)
		default:
		}
		if time.Now().After(deadline) {
			tb.Fatalf("sshd does not listen: %v", err)
		}
	}
}

// Stop ends the server with all of its connections, and what runs in them.
func (s *Server) Stop() {
	if s.process != nil {
		sessions := children(s.process.Pid())
		s.process.Kill()
		for _, pid := range sessions {
			kill(pid)
		}
	}
}

// Cut ends all connections at once, as a network that fails does. What runs on the machine goes on.
func (s *Server) Cut() {
	for _, pid := range children(s.process.Pid()) {
		for _, child := range append(children(pid), pid) {
			if name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", child)); strings.TrimSpace(string(name)) == "sshd" {
				_ = syscall.Kill(child, syscall.SIGKILL)
			}
		}
	}
}

// kill ends a process and all that it started.
func kill(pid int) {
	for _, child := range children(pid) {
		kill(child)
	}
	_ = syscall.Kill(pid, syscall.SIGKILL)
}

// children gives the processes that a process started.
func children(pid int) []int {
	all, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	var out []int
	for _, file := range all {
		list, _ := os.ReadFile(file)
		for field := range strings.FieldsSeq(string(list)) {
			if n, err := strconv.Atoi(field); err == nil {
				out = append(out, n)
			}
		}
	}
	return out
}
