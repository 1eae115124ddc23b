package sim_test

import (
	"testing"

	"ringback/dialler"
	"ringback/dialler/sim"
	"ringback/dialler/store/storetest"
)

func TestBook(t *testing.T) {
	storetest.Run(t, func(t *testing.T) dialler.Store { return sim.NewBook(nil) })
}
