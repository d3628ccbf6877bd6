package chatops_test

import (
	"strings"
	"testing"
	"time"

	"guardian/internal/chatops"
	"guardian/rules"
)

func TestCommandsAreReadInBothLanguages(t *testing.T) {
	help := chatops.Command{Verb: chatops.Help}
	for text, want := range map[string]chatops.Command{
		"": help, "hello": help, "ack": help, "silence": help, "silence 5f3c 25h": help, "silence 5f3c soon": help, "silence all": help, "静默 全部": help, "silence 5f3c 1h please": help,
		"ack 5f3c " + strings.Repeat("x", 2000): help, "approve r_1": help, "rollback orders": help,
		"status": {Verb: chatops.Status}, " 状态 ": {Verb: chatops.Status}, "@guardian STATUS now": {Verb: chatops.Status},
		"oncall": {Verb: chatops.WhoIsOnCall}, "值班": {Verb: chatops.WhoIsOnCall},
		"ack 5F3C": {Verb: chatops.AckAlert, Alert: "5f3c"}, "确认　5f3c 正在看  推单": {Verb: chatops.AckAlert, Alert: "5f3c", Note: "正在看 推单"},
		"ack all": {Verb: chatops.AckAlert, Alert: chatops.All}, "确认 全部": {Verb: chatops.AckAlert, Alert: chatops.All},
		"silence a_5f3c": {Verb: chatops.MuteAlert, Alert: "a_5f3c", For: 2 * time.Hour}, "静默 5f3c 30m": {Verb: chatops.MuteAlert, Alert: "5f3c", For: 30 * time.Minute},
		"silence 5f3c 1d": {Verb: chatops.MuteAlert, Alert: "5f3c", For: 24 * time.Hour},
	} {
		if got := chatops.ParseCommand(text); got != want {
			t.Errorf("%q: %+v, want %+v", text, got, want)
		}
	}
}

// An alert is named by the beginning of its ID, by as much as the list shows, and never by less.
func TestHowACommandNamesAnAlert(t *testing.T) {
	alerts := []rules.Alert{{ID: "a_5f3c11aa"}, {ID: "a_5f3c22bb"}, {ID: "a_0000ffff"}}
	short := chatops.ShortIDs(alerts)
	if short("a_5f3c11aa") != "5f3c1" || short("a_0000ffff") != "0000f" {
		t.Errorf("short: %s, %s", short("a_5f3c11aa"), short("a_0000ffff"))
	}
	for id, want := range map[string]int{"5f3c1": 1, "a_5f3c22": 1, "5f3c": 2, "5f3": 0, "": 0, "0000ffff": 1, "ffff": 0, chatops.All: 3} {
		if got := (chatops.Command{Alert: id}).Named(alerts); len(got) != want {
			t.Errorf("%q names %d alerts, want %d", id, len(got), want)
		}
	}
}
