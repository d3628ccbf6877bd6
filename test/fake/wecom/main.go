package main

import (
	"os"

	"guardian/test/fake/chat"
	"guardian/test/fake/chat/wecom"
)

func main() { os.Exit(chat.Main(wecom.Program())) }
