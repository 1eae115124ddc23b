package dialler

import "flag"

// Properties are tried on the same values at every run: what fails is the work
// of a change, not of luck. To look further:
//
//	go test ./dialler ./dialler/push -rapid.seed 0 -rapid.checks 20000
func init() {
	set := func(name, value string) {
		if err := flag.Set(name, value); err != nil {
			panic(err)
		}
	}
	set("rapid.seed", "1")
	if !raced {
		set("rapid.checks", "1000")
	}
}
