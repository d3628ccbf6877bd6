package store

import "github.com/oklog/ulid/v2"

// NewID makes an ID that sorts by time: prefix and a ULID.
func NewID(prefix string) string { return prefix + ulid.Make().String() }

// Guardian is Audit.Who of what no person did.
const Guardian = "guardian"
