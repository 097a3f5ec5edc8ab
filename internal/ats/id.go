package ats

import (
	"crypto/rand"
	"crypto/sha256"
	"math/big"
	"strings"
)

const (
	alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
	idLength = 24
)

// Namespace is an integration's ID (`traffit:` and 24 base58 characters). All IDs of its
// records are derived from it, so that a rebuilt database gives the same IDs.
type Namespace string

// ID derives a record's ID from its model and its ID in the ATS.
func (n Namespace) ID(m Model, remoteID string) string {
	sum := sha256.Sum256([]byte(string(n) + "\x00" + string(m) + "\x00" + remoteID))
	return base58(sum[:])
}

// Ref is ID for a reference that may be missing: an empty remote ID gives nil.
func (n Namespace) Ref(m Model, remoteID string) *string {
	if remoteID == "" {
		return nil
	}
	id := n.ID(m, remoteID)
	return &id
}

// NewID makes a random ID of the same form, for things that no ATS knows: runs, keys.
func NewID() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	return base58(b[:])
}

// NewIntegrationID makes the ID of a new integration of a tool.
func NewIntegrationID(tool string) string { return tool + ":" + NewID() }

// ValidID reports whether s has the form of a record ID.
func ValidID(s string) bool {
	if len(s) != idLength {
		return false
	}
	for i := range len(s) {
		if strings.IndexByte(alphabet, s[i]) < 0 {
			return false
		}
	}
	return true
}

// ValidIntegrationID reports whether s has the form of an integration ID.
func ValidIntegrationID(s string) bool {
	tool, id, ok := strings.Cut(s, ":")
	return ok && tool != "" && ValidID(id)
}

// base58 gives the first 24 base58 digits of a 256-bit number: about 140 bits.
func base58(sum []byte) string {
	n := new(big.Int).SetBytes(sum)
	radix, digit := big.NewInt(58), new(big.Int)
	out := make([]byte, idLength)
	for i := range out {
		n.DivMod(n, radix, digit)
		out[i] = alphabet[digit.Int64()]
	}
	return string(out)
}
