package user

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// The cost of a hash: the second of the choices of RFC 9106 that OWASP names
// for a machine that has other things to do, some 30 ms and 19 MB.
const (
	hashMemory  = 19 << 10 // KiB
	hashTime    = 2
	hashThreads = 1
	hashSalt    = 16
	hashKey     = 32
)

// working bounds how many hashes are worked out at once, and so what a crowd at
// the sign-in can take from the calls.
var working = make(chan struct{}, 2)

// Hash makes of a password what is kept of it: argon2id (RFC 9106) in the form
// $argon2id$v=19$m=…,t=…,p=…$salt$hash.
func Hash(password string) string {
	salt := make([]byte, hashSalt)
	_, _ = rand.Read(salt) // never fails (crypto/rand)
	return written(salt, hashMemory, hashTime, hashThreads, work(password, salt, hashMemory, hashTime, hashThreads, hashKey))
}

func written(salt []byte, memory, time uint32, threads uint8, key []byte) string {
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, memory, time, threads, b64(salt), b64(key))
}

func work(password string, salt []byte, memory, time uint32, threads uint8, size uint32) []byte {
	working <- struct{}{}
	defer func() { <-working }()
	return argon2.IDKey([]byte(password), salt, time, memory, threads, size)
}

// decoy is worked on where there is no user of a name, so that the time taken
// does not tell.
var decoy = written(make([]byte, hashSalt), hashMemory, hashTime, hashThreads, make([]byte, hashKey))

// verify reports whether hash is of that password. A hash it cannot read is of
// none.
func verify(hash, password string) bool {
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[1] != "argon2id" {
		return false
	}
	var version int
	var memory, time uint32
	var threads uint8
	if n, err := fmt.Sscanf(parts[2]+" "+parts[3], "v=%d m=%d,t=%d,p=%d", &version, &memory, &time, &threads); n != 4 || err != nil || version != argon2.Version {
		return false
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil {
		return false
	}
	key, err := base64.RawStdEncoding.DecodeString(parts[5])
	// What is out of these bounds this program did not write.
	if err != nil || len(key) < 16 || len(key) > 128 || memory > 1<<20 || time == 0 || time > 100 || threads == 0 {
		return false
	}
	return subtle.ConstantTimeCompare(key, work(password, salt, memory, time, threads, uint32(len(key)))) == 1
}
