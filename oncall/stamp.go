package oncall

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	ics "github.com/arran4/golang-ical"
)

// stamp is a time or a day in a calendar.
type stamp struct {
	wall time.Time
	zone *time.Location // nil: that of the schedule
	days bool           // a day: VALUE=DATE
}

// in gives the wall time in another zone. Where either zone is that of the schedule the wall
// time stays: the two are meant to be the same.
func (s stamp) in(zone *time.Location) time.Time {
	if s.days || s.zone == nil || zone == nil || s.zone == zone {
		return s.wall
	}
	return wallOf(instant(s.wall, s.zone), zone)
}

// zones are the time zones that a calendar defines, by their TZID.
type zones map[string]*time.Location

// zonesOf finds the time zones of a calendar: IANA names, names of Windows, and definitions
// without daylight saving time.
func zonesOf(c *ics.Calendar) zones {
	z := zones{}
	for _, component := range c.Components {
		v, ok := component.(*ics.VTimezone)
		if !ok {
			continue
		}
		id := v.GetProperty(ics.ComponentPropertyTzid)
		if id == nil {
			continue
		}
		if known := v.GetProperty("X-LIC-LOCATION"); known != nil {
			if zone, err := time.LoadLocation(known.Value); err == nil && known.Value != "" && known.Value != "Local" {
				z[id.Value] = zone
				continue
			}
		}
		if zone, ok := fixed(id.Value, v); ok {
			z[id.Value] = zone
		}
	}
	return z
}

// fixed makes a zone of a definition whose offset never changes.
func fixed(name string, v *ics.VTimezone) (*time.Location, bool) {
	offset := ""
	for _, part := range v.SubComponents() {
		for _, p := range part.UnknownPropertiesIANAProperties() {
			if p.IANAToken != "TZOFFSETTO" {
				continue
			}
			if offset != "" && offset != p.Value {
				return nil, false
			}
			offset = p.Value
		}
	}
	t, err := time.Parse("-0700", offset)
	if err != nil {
		return nil, false
	}
	_, seconds := t.Zone()
	return time.FixedZone(name, seconds), true
}

// named finds a zone by a TZID: an IANA name, also as the end of a path
// (/freeassociation.sourceforge.net/Asia/Shanghai), a name of Windows, or one that the calendar
// defines.
func (z zones) named(id string) (*time.Location, error) {
	id = strings.Trim(id, `"`)
	for at := strings.TrimPrefix(id, "/"); at != ""; _, at, _ = strings.Cut(at, "/") {
		if zone, err := time.LoadLocation(at); err == nil && at != "Local" {
			return zone, nil
		}
	}
	if iana, ok := windowsZones()[id]; ok {
		if zone, err := time.LoadLocation(iana); err == nil {
			return zone, nil
		}
	}
	if zone, ok := z[id]; ok {
		return zone, nil
	}
	return nil, fmt.Errorf("time zone %q is not known: use an IANA name such as Asia/Shanghai", id)
}

// stamp reads a property with one time or day.
func (z zones) stamp(p *ics.IANAProperty) (stamp, error) {
	if p == nil {
		return stamp{}, errors.New("is missing")
	}
	all, err := z.stamps(p)
	if err != nil {
		return stamp{}, err
	}
	if len(all) != 1 {
		return stamp{}, fmt.Errorf("%q is not one time", p.Value)
	}
	return all[0], nil
}

// stamps reads a property with a list of times or days.
func (z zones) stamps(p *ics.IANAProperty) ([]stamp, error) {
	var zone *time.Location
	if ids := p.ICalParameters["TZID"]; len(ids) > 0 {
		var err error
		if zone, err = z.named(ids[0]); err != nil {
			return nil, err
		}
	}
	var out []stamp
	for text := range strings.SplitSeq(p.Value, ",") {
		if slices.Contains(p.ICalParameters["VALUE"], "PERIOD") {
			text, _, _ = strings.Cut(text, "/") // the length of the event counts
		}
		s, err := z.moment(text, zone)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// moment parses 20260105, 20260105T090000 (in a zone; nil: the schedule's) and 20260105T010000Z.
func (z zones) moment(text string, zone *time.Location) (stamp, error) {
	text = strings.TrimSpace(text)
	var s stamp
	var err error
	switch len(text) {
	case len("20060102"):
		s.days = true
		s.wall, err = time.Parse("20060102", text)
	case len("20060102T150405Z"):
		s.zone = time.UTC
		s.wall, err = time.Parse("20060102T150405Z", text)
	default:
		s.zone = zone
		s.wall, err = time.Parse("20060102T150405", text)
	}
	if err != nil {
		return stamp{}, fmt.Errorf("%q is not a time such as 20260105T090000Z", text)
	}
	if y := s.wall.Year(); y < 1970 || y > 2200 {
		return stamp{}, fmt.Errorf("%q is before 1970 or after 2200", text)
	}
	return s, nil
}

// windowsZones are the time zones that Outlook and Exchange write by names of their own, as
// Unicode CLDR maps them.
func windowsZones() map[string]string {
	return map[string]string{
		"UTC": "UTC", "GMT Standard Time": "Europe/London", "Greenwich Standard Time": "Atlantic/Reykjavik",
		"China Standard Time": "Asia/Shanghai", "Taipei Standard Time": "Asia/Taipei", "Tokyo Standard Time": "Asia/Tokyo",
		"Korea Standard Time": "Asia/Seoul", "Singapore Standard Time": "Asia/Singapore", "SE Asia Standard Time": "Asia/Bangkok",
		"W. Australia Standard Time": "Australia/Perth", "AUS Eastern Standard Time": "Australia/Sydney", "New Zealand Standard Time": "Pacific/Auckland",
		"India Standard Time": "Asia/Kolkata", "Bangladesh Standard Time": "Asia/Dhaka", "Pakistan Standard Time": "Asia/Karachi",
		"Arabian Standard Time": "Asia/Dubai", "Arab Standard Time": "Asia/Riyadh", "Israel Standard Time": "Asia/Jerusalem",
		"Turkey Standard Time": "Europe/Istanbul", "Russian Standard Time": "Europe/Moscow", "GTB Standard Time": "Europe/Bucharest",
		"FLE Standard Time": "Europe/Kiev", "E. Europe Standard Time": "Europe/Chisinau", "W. Europe Standard Time": "Europe/Berlin",
		"Central Europe Standard Time": "Europe/Budapest", "Central European Standard Time": "Europe/Warsaw", "Romance Standard Time": "Europe/Paris",
		"South Africa Standard Time": "Africa/Johannesburg", "Egypt Standard Time": "Africa/Cairo", "E. South America Standard Time": "America/Sao_Paulo",
		"Argentina Standard Time": "America/Buenos_Aires", "SA Pacific Standard Time": "America/Bogota", "Atlantic Standard Time": "America/Halifax",
		"Eastern Standard Time": "America/New_York", "Central Standard Time": "America/Chicago", "Mountain Standard Time": "America/Denver",
		"US Mountain Standard Time": "America/Phoenix", "Pacific Standard Time": "America/Los_Angeles", "Alaskan Standard Time": "America/Anchorage",
		"Hawaiian Standard Time": "Pacific/Honolulu", "Central Standard Time (Mexico)": "America/Mexico_City", "Canada Central Standard Time": "America/Regina",
	}
}
