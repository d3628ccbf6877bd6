package chatops

import (
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"guardian/rules"
)

// Verb is what a command asks for.
type Verb string

// The verbs. What is none of them asks for Help.
const (
	Status      Verb = "status"  // what fires
	WhoIsOnCall Verb = "oncall"  // who is on call
	AckAlert    Verb = "ack"     // acknowledge an alert, or all
	MuteAlert   Verb = "silence" // silence one alert
	Help        Verb = "help"
)

// Command is what somebody writes to the guardian in a chat.
type Command struct {
	Verb  Verb
	Alert string        // of ack and silence: the beginning of an alert's ID, or All
	Note  string        // of ack
	For   time.Duration // of silence
}

// All stands for all alerts that fire, in a command that acknowledges.
const All = "all"

// LongestSilence bounds a silence from a chat: longer ones are made on the page, with a comment.
const LongestSilence = 24 * time.Hour

// shortestID is how much of an alert's ID a command names at least, and maxNote how long a note may be.
const (
	shortestID = 4
	maxNote    = 1 << 10
)

func verbs() map[string]Verb {
	return map[string]Verb{
		"status": Status, "alerts": Status, "状态": Status, "告警": Status,
		"oncall": WhoIsOnCall, "who": WhoIsOnCall, "值班": WhoIsOnCall, "谁值班": WhoIsOnCall,
		"ack": AckAlert, "确认": AckAlert,
		"silence": MuteAlert, "静默": MuteAlert,
	}
}

// ParseCommand reads a command. What cannot be read asks for help.
func ParseCommand(text string) Command {
	words := slices.DeleteFunc(strings.Fields(text), func(w string) bool { return strings.HasPrefix(w, "@") })
	if len(words) == 0 {
		return Command{Verb: Help}
	}
	c := Command{Verb: verbs()[strings.ToLower(words[0])]}
	rest := words[1:]
	switch c.Verb {
	case Status, WhoIsOnCall:
		return c
	case AckAlert, MuteAlert:
	default:
		return Command{Verb: Help}
	}
	if len(rest) == 0 {
		return Command{Verb: Help}
	}
	c.Alert = strings.ToLower(rest[0])
	if c.Alert == "全部" {
		c.Alert = All
	}
	if c.Verb == AckAlert {
		c.Note = strings.Join(rest[1:], " ")
		if len(c.Note) > maxNote {
			return Command{Verb: Help}
		}
		return c
	}
	c.For = SilenceFor
	if len(rest) > 1 {
		length, err := model.ParseDuration(rest[1])
		if c.For = time.Duration(length); err != nil || c.For <= 0 || c.For > LongestSilence {
			return Command{Verb: Help}
		}
	}
	if c.Alert == All || len(rest) > 2 {
		return Command{Verb: Help}
	}
	return c
}

// idPrefix begins the IDs of alerts.
const idPrefix = "a_"

// ShortIDs gives how the alerts of a list are called in commands: as much of each ID as tells it from the
// others.
func ShortIDs(alerts []rules.Alert) func(id string) string {
	length := shortestID
	short := func(id string) string {
		id = strings.TrimPrefix(id, idPrefix)
		return id[:min(len(id), length)]
	}
	for ; length < 64; length++ {
		seen := map[string]bool{}
		for _, a := range alerts {
			seen[short(a.ID)] = true
		}
		if len(seen) == len(alerts) {
			break
		}
	}
	return short
}

// Named gives the alerts that a command names: one, or all. Several are named by an ID that is too short.
func (c Command) Named(alerts []rules.Alert) (named []rules.Alert) {
	id := strings.TrimPrefix(c.Alert, idPrefix)
	for _, a := range alerts {
		if c.Alert == All || len(id) >= shortestID && strings.HasPrefix(strings.TrimPrefix(a.ID, idPrefix), id) {
			named = append(named, a)
		}
	}
	return named
}
