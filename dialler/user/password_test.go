package user

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/time/rate"
)

func TestVerify(t *testing.T) {
	// By the reference implementation: echo -n password | argon2 somesalt -id -t 2 -k 65536 -p 1
	const known = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	if !verify(known, "password") || verify(known, "Password") {
		t.Error("the reference implementation's hash is not understood")
	}
	h := Hash("correct horse battery")
	if !verify(h, "correct horse battery") || verify(h, "correct horse batterx") || verify(h, "") {
		t.Error("our own hash is not of its password alone")
	}
	for _, bad := range []string{
		"", "x", "$argon2id$", strings.Replace(h, "argon2id", "argon2i", 1), strings.Replace(h, "v=19", "v=16", 1),
		strings.Replace(h, "m=19456", "m=99999999", 1), strings.Replace(h, "t=2", "t=0", 1), strings.Replace(h, "p=1", "p=0", 1),
		h[:len(h)-30], "$argon2id$v=19$m=8,t=1,p=1$!$!", decoy,
	} {
		if verify(bad, "correct horse battery") {
			t.Errorf("%q is taken for a hash of it", bad)
		}
	}
}

// What strangers make us remember is bounded, and forgetting lets nobody who
// has turns left be refused.
func TestPaceForgets(t *testing.T) {
	p := newPace(rate.Every(time.Hour), 1)
	now := time.Now()
	for i := range 3 * mostKeys {
		if wait, _ := p.turn(fmt.Sprint(i), now); wait != 0 {
			t.Fatalf("key %d is new and has to wait %v", i, wait)
		}
	}
	if n := len(p.keys); n > mostKeys {
		t.Errorf("%d keys are remembered, want at most %d", n, mostKeys)
	}
}
