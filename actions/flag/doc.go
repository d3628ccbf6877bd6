// Package flag is the kind of step that sets a kill switch which the sellers' own jobs read.
package flag
