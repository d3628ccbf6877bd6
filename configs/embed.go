package configs

import "embed"

// FS holds the examples by their paths in this folder.
//
//go:embed *.yaml *.json *.ics rules/*.yaml packs runbooks rules/prometheus/*.yaml templates/*.tmpl
var FS embed.FS
