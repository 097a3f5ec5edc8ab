package mirror

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strings"

	"github.com/kladka/kladka/internal/connector"
)

// What is kept of things that may not be stored are digests that nobody can guess without the key.

// sealedMark begins versions that are digests.
const sealedMark = "#"

// sealed hides a version, which is a time stamp of the ATS and may be a field that is off. Sealed ones
// differ as they do.
func (w *work) sealed(version string) string {
	if version == "" || strings.HasPrefix(version, sealedMark) {
		return version
	}
	return sealedMark + hex.EncodeToString(w.keyed("version", version)[:16])
}

// keyed gives a digest of texts that only those can make who know the key.
func (w *work) keyed(texts ...string) []byte {
	if w.hash == nil {
		w.hash = hmac.New(sha256.New, w.Salt)
	}
	w.hash.Reset()
	for _, s := range texts {
		_, _ = w.hash.Write([]byte(s)) // it does not fail
		_, _ = w.hash.Write([]byte{0})
	}
	return w.hash.Sum(nil)
}

// rowKey is the key of a part in a walk: pages keep those of all rows, also of such that are not stored.
// Its lowest bit tells the first cover from the others. Two keys of one listing that are the same by
// chance would only hide a nomination, never cause one.
func (w *work) rowKey(k connector.PartKey, cover int) uint64 {
	h := binary.BigEndian.Uint64(w.keyed(k.Entity, k.ID, k.Kind, k.Part)) &^ 1
	if cover > 0 {
		h |= 1
	}
	return h
}

// saltName tells whether row keys were made with the same salt.
func (w *work) saltName() string { return hex.EncodeToString(w.keyed("salt")[:4]) }
