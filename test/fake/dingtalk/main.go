package main

import (
	"os"

	"guardian/test/fake/chat"
	"guardian/test/fake/chat/dingtalk"
)

func main() { os.Exit(chat.Main(dingtalk.Program())) }
