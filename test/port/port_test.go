package port_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"guardian/test/port"
)

const each = 400 // so many that two processes would get the same one by chance

func TestNoPortIsGivenTwice(t *testing.T) {
	var mine strings.Builder
	given := map[string]bool{}
	for range each {
		n, err := port.Free()
		if err != nil {
			t.Fatal(err)
		}
		if p := fmt.Sprint(n); given[p] {
			t.Fatalf("port %s was given twice", p)
		} else {
			given[p] = true
		}
		fmt.Fprintln(&mine, n)
	}
	if os.Getenv("ASKED_BY_ANOTHER") != "" {
		fmt.Print(mine.String())
		os.Exit(0)
	}
	another := exec.Command(os.Args[0], "-test.run", "^TestNoPortIsGivenTwice$")
	another.Env = append(os.Environ(), "ASKED_BY_ANOTHER=1")
	theirs, err := another.Output()
	if err != nil {
		t.Fatalf("another process: %v\n%s", err, theirs)
	}
	ports := strings.Fields(string(theirs))
	if len(ports) != each {
		t.Fatalf("another process was given %d ports, want %d", len(ports), each)
	}
	for _, p := range ports {
		if given[p] {
			t.Errorf("port %s was given to both", p)
		}
	}
}
