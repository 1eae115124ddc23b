//go:build race

package dialler

// raced is whether the race detector watches. What reckons for long and shares
// nothing does less under it; "make test" runs it in full without.
const raced = true
