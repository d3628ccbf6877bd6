package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
)

// longestLine bounds a line, in bytes: enough for a stream with a baseline of months.
const longestLine = 16 << 20

// line is one line of input, counted from 1, or the error that ends it.
type line struct {
	n    int
	text string
	err  error
}

// readLines reads lines ahead until the input or the context ends. A read that blocks on
// standard input cannot be cancelled: its goroutine then lives until the process ends.
func readLines(ctx context.Context, r io.Reader) <-chan line {
	lines := make(chan line, 64)
	go func() {
		defer close(lines)
		send := func(l line) bool {
			select {
			case lines <- l:
				return true
			case <-ctx.Done():
				return false
			}
		}
		sc := bufio.NewScanner(r)
		sc.Buffer(nil, longestLine)
		n := 0
		for sc.Scan() {
			if n++; !send(line{n: n, text: sc.Text()}) {
				return
			}
		}
		switch err := sc.Err(); {
		case errors.Is(err, bufio.ErrTooLong):
			send(line{err: fmt.Errorf("line %d: longer than %d bytes", n+1, longestLine)})
		case err != nil:
			send(line{err: fmt.Errorf("line %d: %w", n+1, err)})
		}
	}()
	return lines
}

// readFile calls take with each line of a file, and adds file and line to its errors.
func readFile(name string, take func(text string) error) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, longestLine)
	n := 0
	for sc.Scan() {
		n++
		if err := take(sc.Text()); err != nil {
			return fmt.Errorf("%s: line %d: %w", name, n, err)
		}
	}
	if err := sc.Err(); err != nil {
		return fmt.Errorf("%s: line %d: %w", name, n+1, err)
	}
	return nil
}

// judgeEach judges lines concurrently and prints the verdicts in the order of the lines. A
// few lines per processor are in memory at a time.
func judgeEach(ctx context.Context, lines <-chan line, whole func(text string) (streamVerdict, error), out io.Writer) error {
	type answer struct {
		v   streamVerdict
		err error
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answers := make(chan chan answer, 4*runtime.GOMAXPROCS(0))
	go func() {
		defer close(answers)
		for l := range lines {
			a := make(chan answer, 1)
			select {
			case answers <- a:
			case <-ctx.Done():
				return
			}
			if l.err != nil {
				a <- answer{err: l.err}
				return
			}
			go func() {
				v, err := whole(l.text)
				if err != nil {
					err = fmt.Errorf("line %d: %w", l.n, err)
				}
				a <- answer{v, err}
			}()
		}
	}()
	buffered := bufio.NewWriter(out)
	for {
		var next chan answer
		select {
		case <-ctx.Done():
			return errors.Join(errInterrupted, buffered.Flush())
		case a, more := <-answers:
			if !more {
				return buffered.Flush()
			}
			next = a
		}
		got := <-next
		if got.err != nil {
			return errors.Join(buffered.Flush(), got.err)
		}
		if err := printJSON(buffered, got.v); err != nil {
			return err
		}
		if len(answers) == 0 { // an interactive user gets each answer at once
			if err := buffered.Flush(); err != nil {
				return err
			}
		}
	}
}
