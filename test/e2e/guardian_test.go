package e2e_test

import (
	"os"
	"testing"

	"guardian/test/fake/chat/slack"
	"guardian/test/program"
	"guardian/test/rig"
)

// binary is the program under test, built once.
var binary program.Program

func TestMain(m *testing.M) { os.Exit(rig.Main(m, &binary)) }

type (
	slackMessage = slack.Message
	guardian     = rig.Guardian
	watchView    = rig.WatchView
)

// newGuardian writes a configuration; LISTEN in it is replaced by a free address. It starts
// nothing.
func newGuardian(t *testing.T, config string, files map[string]string) *guardian {
	t.Helper()
	return rig.New(t, binary, config, files)
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	rig.Eventually(t, what, holds)
}
