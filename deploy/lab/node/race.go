//go:build race

package node

// buildFlags make the binary what the tests are: with the race detector, for
// all code but SQLite's (see the Makefile).
var buildFlags = []string{"-race", "-gcflags=modernc.org/sqlite/lib=-race=false", "-gcflags=modernc.org/libc=-race=false"}
