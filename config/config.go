package config

import "time"

// A Config is all that one Ringback process is told at its start. A Config made
// by hand wants [Config.WithDefaults]; one from [Load] has its defaults.
type Config struct {
	// Name of this dialler process, the same after a restart: by it a process
	// knows which calls were its own. It must be its own: while one process
	// lives under a name, a second refuses to start. The host's name if empty.
	Node string `yaml:"node"`

	// Where everything is kept.
	Store Store `yaml:"store"`

	// The HTTP API, the console, health checks and metrics.
	HTTP HTTP `yaml:"http"`

	// The PBXes to drive, by a name of your choice. Where several Ringbacks share
	// a store, one name means one PBX in all their configurations.
	Switches map[string]Switch `yaml:"switches"`

	// Carrier lines, by name. Each is written to the store at every start, over
	// what is there; a trunk made through the API need not be named here.
	Trunks map[string]Trunk `yaml:"trunks"`

	// Voice agents, by name. As with trunks.
	Bots map[string]Bot `yaml:"bots"`

	// Campaigns, by name. One that the store does not have is created as a
	// draft. One that is a draft or paused takes over the settings of this file,
	// but for the bot of one that has run; one that runs or is completed keeps
	// its own, and the log says which settings differ.
	Campaigns map[string]Campaign `yaml:"campaigns"`

	// The site's own words for times of day, on top of those built in.
	Phrases Phrases `yaml:"phrases"`

	// How results are pushed to the webhooks of campaigns; the webhooks
	// themselves are set in the console and the API. See docs/crm.md.
	Push Push `yaml:"push"`

	// What is logged, and how.
	Log Log `yaml:"log"`

	// How the process ends.
	Drain Drain `yaml:"drain"`

	// How long this process holds a contact without saying so again.
	Lease Lease `yaml:"lease"`

	// How long what is over is kept.
	Retention Retention `yaml:"retention"`

	where map[string]string // key → "file:line" or the variable's name
	file  string            // the file's name; empty: none
}

// Store is the store section.
type Store struct {
	// sqlite: and a path: the file is created, its folder must be there. Or
	// postgres://user@host/database, for several Ringbacks: Postgres 14 or
	// newer; the tables are made in the first schema of the search_path. A
	// password is best kept out of here, in ~/.pgpass or PGPASSWORD.
	URL string `yaml:"url" default:"sqlite:/var/lib/ringback/ringback.db"`
}

// HTTP is the http section.
type HTTP struct {
	// Host and port to listen on. Loopback unless you say otherwise; beyond
	// loopback put a TLS proxy in front, since tokens travel in the clear. Port
	// 0 takes any that is free. Not 8088, which is Asterisk's.
	Listen string `yaml:"listen" default:"127.0.0.1:8090"`

	// Bearer tokens by the name of who holds them; the log says the name, never
	// the token. At least 16 characters each; openssl rand -hex 32 makes a good
	// one. Each has the role operator, and also signs its holder in to the
	// console at /: they are how to begin. Users with names, roles and tokens of
	// their own are made by "ringback user add"; without either, every request to
	// /v1 is refused.
	Tokens map[string]Secret `yaml:"tokens"`

	// A file with more tokens, a line each: name, colon, token. Lines that
	// begin with # are skipped.
	TokenFile string `yaml:"token_file"`

	// How many requests a second each token may make to /v1, in the long run, and
	// twice as many at once; more are answered 429. Negative: no limit.
	RequestsPerSecond float64 `yaml:"requests_per_second" default:"200"`

	// Ask for a token at /metrics too. /healthz and /readyz never ask.
	ProtectMetrics bool `yaml:"protect_metrics"`
}

// Switch is an entry of the switches section.
type Switch struct {
	// asterisk or freeswitch.
	Kind string `yaml:"kind" default:"asterisk"`

	// Where it is: the base address of Asterisk's ARI, such as
	// http://127.0.0.1:8088/ari, or FreeSWITCH's event socket, such as
	// esl://127.0.0.1:8021.
	URL string `yaml:"url"`

	// The user of ari.conf. FreeSWITCH has none.
	User string `yaml:"user"`

	// The user's password, or that of event_socket.conf.xml. One of password
	// and password_file.
	Password Secret `yaml:"password"`

	// A file that holds the password and nothing else. A relative path starts
	// at the configuration file's folder.
	PasswordFile string `yaml:"password_file"`

	// Name of the Stasis application, and the account code of calls. Two
	// Ringbacks on one switch need two names.
	App string `yaml:"app" default:"ringback"`

	// How long after the answer machine screening may take, up to 9s. Empty is
	// 8s on Asterisk, whose AMD() is mostly done in 3, and 4s on FreeSWITCH,
	// where a person is kept waiting for all of it unless there is a detector.
	ScreenTimeout time.Duration `yaml:"screen_timeout"`

	// FreeSWITCH only: the application that tells machines from people, such
	// as amd. Empty is mod_avmd, which knows a machine by its beep.
	Detector string `yaml:"detector"`

	// The channel variable the detector leaves machine or human in, such as
	// amd_result.
	DetectorVariable string `yaml:"detector_variable"`
}

// Trunk is an entry of the trunks section.
type Trunk struct {
	// Name of the switch that has the line.
	Switch string `yaml:"switch"`

	// Dial string, with {number} (E.164 with plus) or {digits} (without) where
	// the number goes: PJSIP/{number}@trunk, Local/{digits}@from-internal.
	Dial string `yaml:"dial"`

	// Calls at once. 0 is no limit of its own.
	Channels int `yaml:"channels"`

	// New calls per second over all campaigns. 0 is no limit.
	CPS float64 `yaml:"cps"`
}

// Bot is an entry of the bots section.
type Bot struct {
	// Dial string of the bot on the trunk's switch, such as PJSIP/bot. Exactly
	// one of endpoint and extension.
	Endpoint string `yaml:"endpoint"`

	// Place in the dialplan to hand the customer to: context,exten,priority.
	Extension string `yaml:"extension"`

	// Conversations at once over all campaigns. 0 is no limit of its own.
	Capacity int `yaml:"capacity"`

	// The bot's half of the double gate: callbacks are scheduled only if this
	// and the campaign's callback_detection are both on.
	Callbacks bool `yaml:"callbacks"`
}

// Campaign is an entry of the campaigns section.
type Campaign struct {
	// Start the campaign if it has never run.
	Start bool `yaml:"start"`

	// single_day cancels what still waits when the day's window closes;
	// multi_day keeps it for the next opening.
	Mode string `yaml:"mode" default:"multi_day"`

	// When numbers may be rung.
	Window Window `yaml:"window"`

	// Name of the trunk to ring by.
	Trunk string `yaml:"trunk"`

	// Name of the bot that talks.
	Bot string `yaml:"bot"`

	// Number to show, E.164. The trunk's own if empty.
	CallerID string `yaml:"caller_id"`

	// ISO 3166 region, such as IN, of numbers without "+". If empty only E.164
	// is accepted.
	Region string `yaml:"region"`

	// Conversations held at once, 1 to 10000.
	Seats int `yaml:"seats" default:"1"`

	// New calls per second. 0 is the trunk's limit only.
	CPS float64 `yaml:"cps"`

	// Calls made to a contact, at most. A callback gets at least one even if it
	// was promised on the last.
	MaxAttempts int `yaml:"max_attempts" default:"3"`

	// From a failed attempt to the next; also when to ring a customer who named
	// no clear time.
	RetryDelay time.Duration `yaml:"retry_delay" default:"15m"`

	// Dispositions that are tried again: busy, no_answer, rejected, congestion,
	// unallocated, machine, abandoned, failed. All but unallocated unless given;
	// [] is none.
	RetryOn []string `yaml:"retry_on"`

	// How long a phone may ring.
	RingTimeout time.Duration `yaml:"ring_timeout" default:"30s"`

	// Screen for answering machines before the bot.
	Screen bool `yaml:"screen"`

	// From answer to bot, at most. Then the call is abandoned.
	BotTimeout time.Duration `yaml:"bot_timeout" default:"5s"`

	// Length of a conversation, at most.
	MaxDuration time.Duration `yaml:"max_duration" default:"1h"`

	// Sound to play when no bot came, in the switch's terms (sound:sorry). None
	// if empty.
	Apology string `yaml:"apology"`

	// The campaign's half of the double gate.
	CallbackDetection bool `yaml:"callback_detection"`

	// Attempts each promise has of its own. 0 is what is left of max_attempts,
	// at least one.
	CallbackMaxAttempts int `yaml:"callback_max_attempts"`

	// Promises that may follow the first, each asked for on the call that kept
	// the one before. 0 is 5; -1 is none.
	MaxCallbackReschedules int `yaml:"max_callback_reschedules"`
}

// Window is the window section of a campaign.
type Window struct {
	// IANA time zone, such as Asia/Kolkata.
	Zone string `yaml:"zone"`

	// Hours by day or days: mon-fri: [09:00-13:00, 14:00-18:00]. Days are mon to
	// sun, spans of them, or daily. 22:00-02:00 goes over midnight.
	Hours map[string][]string `yaml:"hours"`

	// Dates on which nobody is rung: 2026-01-26.
	Holidays []string `yaml:"holidays"`
}

// Phrases is the phrases section.
type Phrases struct {
	// A word and the hours it names: teatime: 15:30-17:00.
	Dayparts map[string]string `yaml:"dayparts"`

	// A word and a word or phrase that is already understood.
	Synonyms map[string]string `yaml:"synonyms"`
}

// Push is the push section.
type Push struct {
	// Networks, addresses and host names that results may be pushed to although
	// they are not of the public Internet: 10.1.2.0/24, 127.0.0.1, crm.internal.
	// A host name is trusted wherever it leads. Unless listed, nothing is sent to
	// loopback, private, link-local, carrier-shared, multicast and other reserved
	// addresses, whatever name leads there.
	Allow []string `yaml:"allow"`

	// Requests to webhooks under way at once, 1 to 1000. A campaign has at most a
	// fourth of them, and one while its receiver fails.
	InFlight int `yaml:"in_flight" default:"32"`

	// How long a receiver has to answer, 1s to 30s.
	Timeout time.Duration `yaml:"timeout" default:"10s"`
}

// Log is the log section.
type Log struct {
	// debug, info, warn or error.
	Level string `yaml:"level" default:"info"`

	// text or json.
	Format string `yaml:"format" default:"text"`
}

// Drain is the drain section.
type Drain struct {
	// After SIGTERM no new call is begun; calls in progress are given this long
	// to end by themselves. Calls still up then go on without us; the next start
	// asks the switch for them. The service manager must wait longer than this.
	Limit time.Duration `yaml:"limit" default:"5m"`
}

// Lease is the lease section.
type Lease struct {
	// After a process dies, its calls are taken over by another when this long
	// has passed. 5s to 10m.
	TTL time.Duration `yaml:"ttl" default:"1m"`

	// Where nobody who is alive has a dead process's switch, and so can ask what
	// became of its calls, they are left alone for this long after that. Then
	// each counts as made, and the retry delay holds. 1m to 24h.
	Hold time.Duration `yaml:"hold" default:"5m"`
}

// Retention is the retention section.
type Retention struct {
	// Calls that ended this many days ago are removed, an hour later at most,
	// with their analyses and callbacks, and so are results that were delivered:
	// a few hundred at a time, so that nobody waits for it. Contacts stay, and the counters go on counting what was
	// removed. A call that led to a callback is kept while that is owed, and as
	// long as the youngest call that kept it. 0 keeps everything for ever.
	Days int `yaml:"days" default:"0"`
}
