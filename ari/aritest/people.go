package aritest

import (
	"strings"
	"time"
)

// A Call is what reached the far end.
type Call struct {
	Bot    bool
	Number string // as dialled: the user part
	From   string
	Live   bool
	// Fields are a bot's headers, by name, as they were added.
	Fields map[string][]string
}

// Calls is all that has reached the far end so far.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Call, len(s.calls))
	for i, c := range s.calls {
		out[i] = *c
	}
	return out
}

// A take is how a call is taken.
type take struct {
	early  bool
	never  bool
	slow   bool          // rings for 3 s
	status int           // 0: answers
	stay   time.Duration // from the answer to hanging up; 0: until hung up
	amd    []string      // AMDSTATUS and AMDCAUSE
}

// people is the phone book, by the last two digits: the lab's, in so far as
// package ari needs them. Everyone else answers and stays.
var people = map[string]take{
	"01": {status: 486},
	"02": {never: true},
	"03": {status: 603},
	"04": {status: 404},
	"05": {status: 503},
	"06": {status: 486, early: true},
	"07": {stay: time.Millisecond},
	"08": {amd: []string{"MACHINE", "MAXWORDS-3-2"}},
	"09": {amd: []string{"MACHINE", "INITIALSILENCE-2500-2500"}},
	"10": {slow: true},
	"17": {early: true},
	"30": {status: 480},
}

var bots = map[string]take{
	"bot-busy":   {status: 486},
	"bot-slow":   {never: true},
	"bot-leaves": {stay: -1}, // Options.Talk
}

// causes is Asterisk's Q.850 cause for a SIP status (res_pjsip).
var causes = map[int]struct {
	q850 int
	text string
}{
	486: {17, "User busy"}, 603: {21, "Call Rejected"}, 404: {1, "Unallocated (unassigned) number"},
	503: {34, "Circuit/channel congestion"}, 480: {19, "User alerting, no answer"},
}

// lookUp is who is at the other end of an endpoint: PJSIP/user@trunk,
// PJSIP/bot, PJSIP/user@bot.
func lookUp(endpoint string) (user string, isBot bool, t take, ok bool) {
	tech, rest, _ := strings.Cut(endpoint, "/")
	if tech != "PJSIP" || rest == "" {
		return "", false, take{}, false
	}
	user, at, found := strings.Cut(rest, "@")
	if !found {
		user, at = "bot", rest
	}
	switch at {
	case "bot":
		return user, true, bots[user], true
	case "trunk":
		if len(user) < 2 {
			return user, false, take{}, true
		}
		return user, false, people[user[len(user)-2:]], true
	}
	return "", false, take{}, false
}
