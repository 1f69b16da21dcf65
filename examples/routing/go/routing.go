// Package routing tells which shard has a user, a session or a token of session_service. It asks no server, and needs
// nothing but the standard library. Ids are the 16 bytes of a UUID, as uuid.UUID and pgtype.UUID have them.
package routing

import (
	"crypto/sha256"
	"strings"
)

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// BucketOfUser is the first 12 bits of SHA-256 over the id.
func BucketOfUser(userID [16]byte) int {
	digest := sha256.Sum256(userID[:])
	return int(digest[0])<<4 | int(digest[1])>>4
}

// BucketOfSession is the 12 bits behind the version of the UUID.
func BucketOfSession(sessionID [16]byte) int {
	return int(sessionID[6]&0xf)<<8 | int(sessionID[7])
}

// BucketOfToken is the same 12 bits: two characters of the token. Not ok for what may be another system's token.
func BucketOfToken(token string) (bucket int, ok bool) {
	if !strings.HasPrefix(token, "sst_") && !strings.HasPrefix(token, "ssr_") {
		return 0, false
	}
	if len(token) < 16 {
		return 0, true
	}
	high, low := strings.IndexByte(alphabet, token[14]), strings.IndexByte(alphabet, token[15])
	if high < 0 || low < 0 {
		return 0, true
	}
	return high*64 + low, true
}

// RangeOf is 0 to 15: the ranges are what is given to shards, and what moves between them.
func RangeOf(bucket int) int {
	return bucket >> 8
}

// PoolOf takes one of sixteen pools, one for each range, with the same pool at several places. A token without a
// bucket has that of range 0, as bucket 0.
func PoolOf[Pool any](bucket int, pools [16]Pool) Pool {
	return pools[RangeOf(bucket)]
}
