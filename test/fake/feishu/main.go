package main

import (
	"os"

	"guardian/test/fake/chat"
	"guardian/test/fake/chat/feishu"
)

func main() { os.Exit(chat.Main(feishu.Program())) }
