package main

import (
	"os"

	"guardian/test/fake/chat"
	"guardian/test/fake/chat/slack"
)

func main() { os.Exit(chat.Main(slack.Program())) }
