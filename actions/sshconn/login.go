package sshconn

import (
	"errors"
	"net"
	"path/filepath"
	"strconv"
	"strings"

	"guardian/internal/secret"
)

// Login is how a machine proves who it is, and how the guardian does.
type Login struct {
	KnownHosts string        `yaml:"known_hosts" path:"true" doc:"File with the machine's public key, in the format of OpenSSH (required): ssh-keyscan -p PORT HOST writes its line; compare the fingerprint with the machine's own."`
	KeyFile    string        `yaml:"key_file" path:"true" doc:"File with the private key to log in with; it is read at each connection."`
	Passphrase secret.Secret `yaml:"passphrase" doc:"Passphrase of the private key."`
	Agent      string        `yaml:"agent" doc:"Socket of an ssh-agent that holds the key, instead of key_file."`
}

// Address is an account on a machine.
type Address struct {
	User, Host string
	Port       int
}

// String gives host:port.
func (a Address) String() string { return net.JoinHostPort(a.Host, strconv.Itoa(a.Port)) }

// Mistakes gives what is wrong with the settings. The address is for the hint, and may be zero.
func (l Login) Mistakes(a Address) []error {
	var errs []error
	if l.KnownHosts == "" {
		scan := "-p PORT HOST"
		if a.Host != "" {
			scan = "-p " + strconv.Itoa(a.Port) + " " + a.Host
		}
		errs = append(errs, errors.New("known_hosts: is missing, so that the machine could not be told from another one; write its line by "+
			"ssh-keyscan "+scan+" > known_hosts, and compare ssh-keygen -lf known_hosts with the fingerprint of the machine's own key"))
	}
	switch {
	case l.KeyFile == "" && l.Agent == "":
		errs = append(errs, errors.New("key_file: is missing; name the file of the private key, or the socket of an agent"))
	case l.KeyFile != "" && l.Agent != "":
		errs = append(errs, errors.New("agent: stands beside key_file; remove one of them"))
	case l.Passphrase.IsSet() && l.Agent != "":
		errs = append(errs, errors.New("passphrase: is for key_file; an agent has asked for its own"))
	case l.Agent != "" && !filepath.IsAbs(l.Agent):
		errs = append(errs, errors.New("agent: is not the absolute path of a socket"))
	}
	return errs
}

// Quote makes one word of a command line of a text, for a shell of POSIX and for fish: apostrophes
// and backslashes stand outside of the quotation marks.
func Quote(text string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-+./:@%,", r)
	}
	if text != "" && !strings.ContainsFunc(text, func(r rune) bool { return !plain(r) }) {
		return text
	}
	return "'" + strings.NewReplacer(`'`, `'\''`, `\`, `'\\'`).Replace(text) + "'"
}
