package dialler

import (
	"fmt"
	"time"
)

// A Node is one dialler process as the store knows it, and through the store
// all the others:
//
//	Beat ─▶ alive ── no Beat for its TTL ──▶ dead ── a day later ──▶ forgotten
//	         │  ▲                             │
//	         │  └──── Beat: it only slept ────┤
//	         └─ Leave ─▶ gone                 └─ another under its name ─▶ replaced
//
// Being dead takes nothing from a node but its name: its leases end by their
// own clocks, and its calls are adopted one by one (I3).
type Node struct {
	Name     string // unique among those alive; the same after a restart
	Instance string // of this life; never the same twice
	Process  Process
	Version  string // of the program; may be empty
	Started  time.Time
	TTL      time.Duration // how long it is taken to be alive after a Beat

	Links    map[string]bool // by each switch it serves: whether the link is up
	Draining bool            // it begins no new calls

	// What the store adds.
	Heard time.Time // its last Beat, by the store's clock
	Alive bool      // heard of within its TTL
	Held  int       // calls whose leases it has
}

// A Process says where a node runs. The zero value is not known.
type Process struct {
	Host string // for people
	PID  int
	// Machine tells whether the PID means anything here: it is the same for
	// processes that can see each other, and for no others. Empty: not known.
	Machine string
}

func (p Process) String() string {
	switch {
	case p.PID == 0:
		return "another process"
	case p.Host == "":
		return fmt.Sprintf("process %d", p.PID)
	}
	return fmt.Sprintf("process %d on %s", p.PID, p.Host)
}

// A Beat says that a node is alive.
type Beat struct {
	Node Node
	Now  time.Time // a store with a clock of its own uses that instead

	// Over is a life under the same name that is known to have ended, though
	// it is still taken to be alive; nil: none. It is replaced, unless it has
	// been heard of since.
	Over *Node
}

// BeatsInTTL is how often a node is heard of in the time that it is taken to
// be alive for.
const BeatsInTTL = 12

// ForgetNodes is how long after its last Beat a node that died is still listed.
const ForgetNodes = 24 * time.Hour

// A NodeTakenError says that another process is alive under a node's name.
type NodeTakenError struct {
	By Node // as last heard of; its Process tells where it is
}

func (e *NodeTakenError) Error() string {
	since := ""
	if !e.By.Started.IsZero() {
		since = fmt.Sprintf(" since %s", e.By.Started.UTC().Format(time.RFC3339))
	}
	return fmt.Sprintf("node name %q is in use by %s%s: give each Ringback on one store a name of its own (node: in its configuration, or RINGBACK_NODE), or end that one first",
		e.By.Name, e.By.Process, since)
}

// StrandedOn reports whether nobody will ever ask switch sw about a call of
// the node named holder, as nodes now are. One that has a link to it will, and
// so will the holder itself, should it be alive and only wait for its link.
func StrandedOn(sw, holder string, nodes []Node) bool {
	for _, n := range nodes {
		if up, serves := n.Links[sw]; n.Alive && serves && (up || n.Name == holder) {
			return false
		}
	}
	return true
}
