package configs

import "embed"

// FS holds the examples, by the names that they have in this folder.
//
//go:embed *.yaml *.json rules/*.yaml packs rules/prometheus/*.yaml
var FS embed.FS
