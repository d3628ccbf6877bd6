// Package configs embeds the example configurations, which tests load. Start at FS.
package configs
