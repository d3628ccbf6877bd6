package sql_test

import (
	"bytes"
	"io"
	"net"
	"strings"
	"testing"

	"guardian/internal/secret"
	"guardian/internal/sqldb"
)

// losesAnswer gives the address of the shop through a network that breaks when a text has passed to the
// server: the server gets it, and its answer is lost.
func losesAnswer(t *testing.T, s shop, text string) string {
	t.Helper()
	target := sqldb.Address{Driver: s.driver, DSN: secret.New(s.dsn)}.Place()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			go forward(in, target, text)
		}
	}()
	return strings.Replace(s.dsn, target, l.Addr().String(), 1)
}

func forward(in net.Conn, target, text string) {
	defer in.Close()
	out, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer out.Close()
	go func() {
		_, _ = io.Copy(in, out)
		_ = in.Close()
	}()
	for b := make([]byte, 64<<10); ; {
		n, err := in.Read(b)
		if err != nil {
			return
		}
		if bytes.Contains(bytes.ToUpper(b[:n]), []byte(text)) {
			_ = in.Close() // before the answer can come
			_, _ = out.Write(b[:n])
			_, _ = io.Copy(io.Discard, out)
			return
		}
		if _, err := out.Write(b[:n]); err != nil {
			return
		}
	}
}
