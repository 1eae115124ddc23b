package esltest

import "time"

// A Take is how a call is taken by whoever is at the other end of the
// gateway. The zero value rings for 5 ms, answers and stays.
type Take struct {
	Ring   time.Duration // from INVITE to the final response; 0: 5 ms
	Status int           // the final response; 0: 200
	Early  bool          // 183 with media rather than 180
	Never  bool          // rings until CANCEL
	Deaf   bool          // no reply to INVITE at all
	Stay   time.Duration // from the answer to BYE; 0: until the other side hangs up
	Beep   time.Duration // from the answer to a voicemail's beep; 0: none
	// Verdict is what a detector application makes of the voice. "": NOTSURE.
	Verdict string
}

// phoneBook is how numbers are taken by their last two digits: the same as the
// far end of the lab (deploy/lab/farend), as far as this one needs.
var phoneBook = map[string][]Take{
	"00": {{Verdict: "HUMAN"}},
	"01": {{Status: 486}},
	"02": {{Never: true}},
	"03": {{Status: 603}},
	"04": {{Status: 404}},
	"05": {{Status: 503}},
	"06": {{Early: true, Status: 486}},
	"07": {{Stay: time.Millisecond}},
	"08": {{Beep: 40 * time.Millisecond, Verdict: "MACHINE"}},
	"10": {{Ring: time.Second}},
	"11": {{Deaf: true}},
	"12": {{Status: 486}, {}},
	"13": {{Never: true}, {}},
	"15": {{Beep: 20 * time.Millisecond, Verdict: "MACHINE"}},
	"17": {{Early: true}},
	"18": {{Stay: 30 * time.Millisecond}},
	"30": {{Status: 480}}, "31": {{Status: 403}}, "32": {{Status: 408}}, "33": {{Status: 410}}, "34": {{Status: 484}},
	"35": {{Status: 488}}, "36": {{Status: 500}}, "37": {{Status: 502}}, "38": {{Status: 600}}, "39": {{Status: 608}},
}

// bots are how legs to the gateway bot are taken, by what follows it.
var bots = map[string]Take{
	"busy":   {Status: 486},
	"never":  {Never: true},
	"leaves": {Stay: 2 * time.Second},
}

// takes says how the nth call to a number, from 1, is taken.
func (fs *FreeSWITCH) takes(number string, n int) Take {
	if fs.opts.Who != nil {
		if t, ok := fs.opts.Who(number, n); ok {
			return t
		}
	}
	if t, ok := bots[number]; ok || len(number) < 2 {
		return t
	}
	list := phoneBook[number[len(number)-2:]]
	if len(list) == 0 {
		return Take{}
	}
	return list[min(n, len(list))-1]
}

// A Carrier places the calls of sofia legs in earnest, in place of the phone
// book. Of a Take only Verdict and Beep then count.
type Carrier interface {
	// Dial sends an INVITE, and calls tell with each status that comes, and
	// with 0 for a BYE. hangUp cancels the call, or ends it; it does not wait.
	Dial(i Invite, tell func(status int)) (hangUp func())
}

// An Invite is an INVITE that FreeSWITCH sent.
type Invite struct {
	Leg     string // ID of the leg
	Gateway string
	Number  string              // user part of the request URI
	Host    string              // where it goes, if it goes by no gateway
	From    string              // caller ID
	Headers map[string][]string // as they were written
	Body    string              // what a blank line in a header made of the body's beginning
	At      time.Time
	Live    bool // its leg is, now
}
