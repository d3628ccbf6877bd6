// Package configs embeds the example configurations, so that they are tested and that
// commands can print them. Start at FS.
package configs
