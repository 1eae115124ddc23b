// Package switchtest is the suite that every [dialler.Switch] passes. It knows
// nothing of Asterisk or FreeSWITCH: it places calls, and looks at the news
// and at what reached the far end.
//
//	func TestSwitch(t *testing.T) { switchtest.Run(t, switchtest.Harness{…}) }
//
// The cases run one after another, each on a Switch of its own. Whatever
// misfortune the harness brings about by itself (a lost link, a failed
// request, news that comes twice) may cost a call or the news of it, and the
// suite asks again, as the dialler does; it must never cost the truth.
package switchtest

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"ringback/dialler"
)

// A Harness is a switch with a far end, on which the suite runs. All fields
// without "nil" in their comment are needed.
type Harness struct {
	// New makes a Switch. All it makes drive the same PBX under the same
	// name, as one process does after another; never two at a time.
	New func(t *testing.T) dialler.Switch
	// Refused makes one with a wrong password.
	Refused func(t *testing.T) dialler.Switch

	Trunk   dialler.Trunk // where [Harness.Number] leads to people
	Nowhere dialler.Trunk // of an endpoint the PBX does not have
	// Number is of somebody who takes calls like that, another each time.
	Number func(Person) dialler.Number

	Bot       dialler.Bot // an endpoint; answers, and stays until hung up
	BotLeaves dialler.Bot // an endpoint; answers, and hangs up after a second or so
	BotBusy   dialler.Bot // an endpoint; does not answer: refuses
	BotNever  dialler.Bot // an endpoint; rings and rings
	Extension dialler.Bot // an extension that reaches a bot which stays
	NoSuchExt dialler.Bot // an extension that does not exist
	// Three bots that are dialplan. The first two say that the customer wants to
	// be rung in 5 minutes, is driving, and, the first, that their mood is 100%:
	// it by variables, and hangs up; the second by an event, and stays. The third
	// says nothing, and hangs up.
	ByVariables, ByEvent, ByNothing dialler.Bot
	Sound                           string // short, for Play

	// Seen is every call that has reached the far end so far.
	Seen func() []Seen

	// Cut breaks the event link of every Switch, for about a second: none
	// connects anew meanwhile.
	Cut func()
	// Crash ends the PBX as kill -9 does, and starts it again. What was up
	// is gone.
	Crash func(t *testing.T)

	// Faulty says that requests fail now and then, so that a call that is
	// refused or uncertain is placed again, and news may be late.
	Faulty bool
	// NoHuman says that screening knows a machine and nothing else: a person
	// is unsure.
	NoHuman bool
	// Headers says that the bots are reached by SIP, so that Seen has the
	// headers; otherwise it has the variables.
	Headers bool
}

// A Person is somebody's way of taking a call.
type Person string

// The persons a harness has.
const (
	Talks       Person = "answers, says hello, and stays for 20 s or more"
	Slow        Person = "rings for 3 s, then answers and stays"
	Leaves      Person = "answers and hangs up at once"
	IsBusy      Person = "busy: SIP 486"
	NeverThere  Person = "rings and is never answered"
	Rejects     Person = "rejects: SIP 603"
	NoSuchOne   Person = "unallocated: SIP 404"
	Congested   Person = "congestion: SIP 503"
	EarlyBusy   Person = "early media: SIP 183, then 486"
	EarlyTalks  Person = "early media: SIP 183, then answers and stays"
	Voicemail   Person = "answers with a long greeting"
	Silent      Person = "answers and says nothing"
	Unreachable Person = "temporarily unavailable: SIP 480"
)

// Seen is a call as the far end saw it.
type Seen struct {
	Bot    bool
	Number string // that was dialled, if it was a customer's
	From   string // who seemed to call
	Live   bool
	Fields map[string][]string // headers or variables of a bot's call, values as they came
}

// patience is how long anything may take before it counts as not happening.
const patience = 2 * time.Minute

// Run runs the suite.
func Run(t *testing.T, h Harness) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, Harness)
	}{
		{"down before Run", down},
		{"refused password", refused},
		{"outcomes", outcomes},
		{"a call whose time was up rings nobody", late},
		{"answered and hung up by us", hungUpByUs},
		{"answered and hung up by the customer", hungUpByCustomer},
		{"early media is not an answer", earlyMedia},
		{"ring time", ringTime},
		{"cancelled while ringing", cancelled},
		{"hanging up what is not there", hangupNothing},
		{"hostile origination", hostileOrigination},
		{"trunk that leads nowhere", nowhere},
		{"bot as endpoint", botEndpoint},
		{"hostile context", hostileContext},
		{"bot leaves first", botLeaves},
		{"bot is busy", botBusy},
		{"bot never answers", botNever},
		{"customer leaves before the bot", customerLeavesFirst},
		{"bot as extension", botExtension},
		{"extension that does not exist", noExtension},
		{"analysis by variables", analysisByVariables},
		{"analysis by an event", analysisByEvent},
		{"no analysis", noAnalysis},
		{"screening", screening},
		{"find and live", findAndLive},
		{"link cut in mid-call", linkCut},
		{"one process after another", successor},
		{"crash of the switch", crash},
		{"many at once", many},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "-"), func(t *testing.T) { c.run(t, h) })
	}
}

// NewID is a call's name as the dialler makes them.
func NewID() dialler.CallID { return dialler.CallID(uuid.NewString()) }

func (h Harness) origination(p Person) dialler.Origination {
	return dialler.Origination{
		ID: NewID(), Number: h.Number(p), CallerID: "+911140001234", Trunk: h.Trunk, RingTimeout: 20 * time.Second,
	}
}

func (h Harness) handover(b dialler.Bot, id dialler.CallID, n dialler.Number) dialler.Handover {
	return dialler.Handover{Bot: b, Timeout: 10 * time.Second, Context: dialler.Context{
		Call: id, Campaign: "Loan reminders", CampaignID: 7, Contact: 42, Number: n, Attempt: 2, Class: dialler.ClassCallback,
		Callback: &dialler.CallbackContext{
			Phrase: "कल सुबह", Reason: `driving, "later"; 100%`, Chain: 1, Attempt: 1, AskedOn: NewID(),
			RequestedAt: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC), ScheduledAt: time.Date(2026, 3, 2, 4, 30, 0, 0, time.UTC),
		},
		Vars: map[string]string{"name": "Asha Rao"},
	}}
}
