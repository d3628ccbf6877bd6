package selfcheck

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// send makes one request to the outside service, and reads its clock from the answer. Its errors
// do not have the address, which is a secret.
func (c *Checker) send(ctx context.Context, address string, now time.Time) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, nil)
	if err != nil {
		return errors.New("its address is not valid")
	}
	req.Header.Set("User-Agent", c.o.UserAgent)
	resp, err := c.client.Do(req)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err
		}
		return err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 4<<10))
	if resp.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("the service answered %s", resp.Status)
	}
	c.clockOff = 0
	if theirs, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		// The answer was made between the two readings of our clock, to the second.
		ours := c.o.Now()
		c.clockOff = off(now, ours, theirs)
	}
	return nil
}

// off is how far a clock that showed from and to around a moment is from one that showed theirs
// then, in whole seconds; 0 where they can agree.
func off(from, to, theirs time.Time) time.Duration {
	switch {
	case from.After(theirs.Add(time.Second)):
		return from.Sub(theirs)
	case to.Before(theirs):
		return to.Sub(theirs)
	default:
		return 0
	}
}
