package chat

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// Running is a fake that was started.
type Running[M any] interface {
	URL() string
	Base() string
	OnCall(f func(Answer, *M))
	Close()
}

// Program is a fake that runs by itself.
type Program[M any] struct {
	Name string
	// Flags defines the fake's flags and returns what starts it on an address. It is called
	// after the flags are parsed.
	Flags func(f *flag.FlagSet) (start func(listen string) Running[M])
}

// Main runs a fake until it is interrupted, and returns the exit code. It prints the address for
// clients and then each call.
func Main[M any](p Program[M]) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := p.Run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	return 0
}

// Run is Main with its surroundings given.
func (p Program[M]) Run(ctx context.Context, args []string, out io.Writer) error {
	f := flag.NewFlagSet(p.Name, flag.ContinueOnError)
	listen := f.String("listen", "127.0.0.1:0", "address to listen on")
	start := p.Flags(f)
	if err := f.Parse(args); err != nil {
		return err
	}
	if f.NArg() > 0 {
		return fmt.Errorf("%s takes flags only, not %q", p.Name, f.Args())
	}
	s := start(*listen)
	defer s.Close()
	s.OnCall(func(a Answer, m *M) {
		status := a.Status
		if status == 0 {
			status = 200
		}
		_, _ = fmt.Fprintf(out, "%s %d %s\n", time.Now().Format(time.TimeOnly), status, strings.TrimSpace(a.Body))
		if m != nil {
			b, err := json.MarshalIndent(m, "  ", "  ")
			if err != nil {
				b = []byte(err.Error())
			}
			_, _ = fmt.Fprintf(out, "  %s\n", b)
		}
	})
	_, _ = fmt.Fprintf(out, `%s
  GET  %s/fake/messages             the accepted messages
  POST %s/fake/fail?fault=hang&n=1  the next calls fail: server_error, unavailable, too_many, hang, reset, lost_answer
  POST %s/fake/forgive              forget the calls that count against the rate limit
`, s.URL(), s.Base(), s.Base(), s.Base())
	<-ctx.Done()
	return nil
}
