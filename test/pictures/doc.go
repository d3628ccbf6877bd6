// Pictures draws the pictures of the README: it runs "guardian demo", photographs the page of the
// watch in Chromium, and draws the messages that the demo's Slack and DingTalk received, as
// message.html.tmpl shows what is in them: neither messenger can be had here. "make pictures" calls it.
package main
