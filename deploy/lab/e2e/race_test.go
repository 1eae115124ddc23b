//go:build race

package e2e

// buildFlags make the binary what the tests are: with the race detector.
var buildFlags = []string{"-race"}
