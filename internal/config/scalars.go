package config

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// Timezone is a time zone of the IANA database. The zero value is UTC.
type Timezone struct{ location *time.Location }

// UnmarshalText implements encoding.TextUnmarshaler.
func (z *Timezone) UnmarshalText(b []byte) error {
	name := string(b)
	// "Local" would make reports depend on the machine.
	if name == "" || name == "Local" {
		return errors.New("expected a time zone such as Asia/Shanghai or UTC")
	}
	location, err := time.LoadLocation(name)
	if err != nil {
		return errors.New("expected a time zone such as Asia/Shanghai or UTC")
	}
	z.location = location
	return nil
}

// MarshalText implements encoding.TextMarshaler.
func (z Timezone) MarshalText() ([]byte, error) { return []byte(z.String()), nil }

// String returns the zone's name.
func (z Timezone) String() string { return z.Location().String() }

// Location returns the zone; never nil.
func (z Timezone) Location() *time.Location {
	if z.location == nil {
		return time.UTC
	}
	return z.location
}

// Cron is a schedule of five fields. The zero value is "not set".
type Cron struct {
	text string
	spec cron.SpecSchedule
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (c *Cron) UnmarshalText(b []byte) error {
	text := strings.TrimSpace(string(b))
	// ParseStandard panics on a zone without a schedule; the zone is server.timezone anyway.
	if strings.HasPrefix(text, "TZ=") || strings.HasPrefix(text, "CRON_TZ=") {
		return errors.New("expected a schedule without a time zone: set server.timezone")
	}
	if strings.HasPrefix(text, "@every") {
		return errors.New("expected a schedule of five fields: use every instead of @every")
	}
	s, err := cron.ParseStandard(text)
	if err != nil {
		return fmt.Errorf(`expected a schedule such as "*/5 * * * *" (%w)`, err)
	}
	spec, ok := s.(*cron.SpecSchedule)
	if !ok {
		return errors.New(`expected a schedule such as "*/5 * * * *"`)
	}
	if spec.Next(anyMonday()).IsZero() {
		return errors.New("expected a schedule that matches some date")
	}
	c.text, c.spec = text, *spec
	return nil
}

// anyMonday is a fixed time from which schedules are measured.
func anyMonday() time.Time { return time.Date(2026, time.January, 5, 0, 0, 0, 0, time.UTC) }

// MarshalText implements encoding.TextMarshaler.
func (c Cron) MarshalText() ([]byte, error) { return []byte(c.text), nil }

// String returns the schedule as it was written.
func (c Cron) String() string { return c.text }

// IsSet reports whether there is a schedule.
func (c Cron) IsSet() bool { return c.text != "" }

// In returns the schedule in a time zone.
func (c Cron) In(location *time.Location) cron.Schedule {
	spec := c.spec
	spec.Location = location
	return &spec
}

// gaps returns the mean and the shortest of a hundred intervals of the schedule.
func (c Cron) gaps() (mean, shortest time.Duration) {
	s := c.In(time.UTC)
	first := s.Next(anyMonday())
	last, n := first, 0
	for ; n < 100; n++ {
		next := s.Next(last)
		if next.IsZero() {
			break
		}
		if gap := next.Sub(last); n == 0 || gap < shortest {
			shortest = gap
		}
		last = next
	}
	if n == 0 {
		return 24 * time.Hour, 24 * time.Hour
	}
	return last.Sub(first) / time.Duration(n), shortest
}
