//go:build race

package node

// buildFlags make the binary what the tests are: with the race detector, for
// all code but SQLite's and the hash of passwords (see the Makefile).
var buildFlags = []string{"-race", "-gcflags=modernc.org/sqlite/lib=-race=false", "-gcflags=modernc.org/libc=-race=false", "-gcflags=golang.org/x/crypto/argon2=-race=false"}
