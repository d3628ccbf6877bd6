package leadership

import (
	"fmt"
	"os"

	"github.com/oklog/ulid/v2"
)

// NewHolder names this process among those that share a journal.
func NewHolder() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown-host"
	}
	return fmt.Sprintf("%s/%d/%s", host, os.Getpid(), ulid.Make().String()[18:])
}
