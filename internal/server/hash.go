package server

import (
	"crypto/sha256"
	"encoding/hex"
)

// HashToken gives what is stored of a token and compared: its SHA-256 in hex. Tokens are
// long and random, so that a plain hash is enough.
func HashToken(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}
