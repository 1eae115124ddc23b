package lab_test

import (
	"context"
	"testing"
	"time"

	"ringback/deploy/lab"
)

func start(t *testing.T, o lab.Options) *lab.Asterisk {
	t.Helper()
	o.Root = lab.Require(t)
	began := time.Now()
	a, err := lab.Start(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Logf("Asterisk %s at %s and %s after %v", a.Version, a.ARIURL, a.SIPAddr, time.Since(began).Round(time.Millisecond))
	return a
}

func TestStart(t *testing.T) {
	a := start(t, lab.Options{})
	out, err := a.CLI(context.Background(), "module show")
	if err != nil {
		t.Fatal(err)
	}
	t.Log(out)
	t.Log(a.LogTail(100))
}
