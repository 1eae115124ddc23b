//go:build race

package torture

// withRaceDetector makes the binary what the tests are.
const withRaceDetector = true
