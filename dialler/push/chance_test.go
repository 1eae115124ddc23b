package push

import "flag"

// The same values at every run, as in package dialler.
func init() {
	if err := flag.Set("rapid.seed", "1"); err != nil {
		panic(err)
	}
}
