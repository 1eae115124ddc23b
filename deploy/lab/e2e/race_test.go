//go:build race

package e2e

// withRaceDetector makes the binary what the tests are.
const withRaceDetector = true
