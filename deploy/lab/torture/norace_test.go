//go:build !race

package torture

const withRaceDetector = false
