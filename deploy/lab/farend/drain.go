package farend

import (
	"runtime"
	"strings"
	"time"
)

// drain returns when the SIP library has dealt with what it was let read before;
// nothing more may be let through. It works in goroutines of its own, which it
// lets nobody wait for, and one that finds its socket gone opens another and
// leaves it. So they are told by what is on their stacks. Handlers of ours,
// which others may be in for long, are not waited for.
func drain() {
	const patience = 5 * time.Second
	for end := time.Now().Add(patience); atWork() && time.Now().Before(end); time.Sleep(time.Millisecond) {
	}
}

func atWork() bool {
	stacks := make([]byte, 1<<20)
	n := runtime.Stack(stacks, true)
	for n == len(stacks) { // there may be more
		stacks = make([]byte, 2*n)
		n = runtime.Stack(stacks, true)
	}
	const library = "github.com/emiago/sipgo/sip."
	for one := range strings.SplitSeq(string(stacks[:n]), "\n\n") {
		switch {
		case strings.Contains(one, library+"(*TransportUDP).readListenerConnection("):
			if !strings.Contains(one, library+"(*UDPConnection).ReadFrom(") {
				return true
			}
		case strings.Contains(one, library+"(*TransactionLayer).handle"):
			if !strings.Contains(one, "ringback/deploy/lab/farend.") {
				return true
			}
		}
	}
	return false
}
