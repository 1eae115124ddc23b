package config

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// write puts text into a file ringback.yaml and returns its path.
func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ringback.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const whole = `
node: dialler-1
store:
  url: sqlite:/tmp/r.db
http:
  listen: "[::1]:0"
  tokens:
    crm: 0123456789abcdef
  protect_metrics: true
switches:
  pbx:
    url: http://127.0.0.1:8088/ari
    user: ringback
    password: "12345"
trunks:
  carrier:
    switch: pbx
    dial: PJSIP/{number}@carrier
    channels: 30
    cps: 2.5
bots:
  asha:
    endpoint: PJSIP/asha
    callbacks: true
campaigns:
  "Diwali, offers":
    start: true
    mode: single_day
    trunk: carrier
    bot: asha
    caller_id: +911140000000
    seats: 5
    retry_delay: 1m30s
    retry_on: busy
    window:
      zone: Asia/Kolkata
      hours:
        mon-fri: [09:00-13:00, 14:00-18:00]
        sat: 10:00-14:00
      holidays: [2026-01-26]
    callback_detection: true
    max_callback_reschedules: -1
phrases:
  dayparts: {teatime: 15:30-17:00}
  synonyms: {jaldi: soon}
log: {level: debug, format: json}
drain: {limit: 90s}
`

func TestLoadReadsEverySection(t *testing.T) {
	c, err := Load(write(t, whole), nil)
	if err != nil {
		t.Fatal(err)
	}
	camp := c.Campaigns["Diwali, offers"]
	for _, tt := range []struct{ what, got, want any }{
		{"node", c.Node, "dialler-1"},
		{"store", c.Store.URL, "sqlite:/tmp/r.db"},
		{"listen", c.HTTP.Listen, "[::1]:0"},
		{"token", c.HTTP.Tokens["crm"].Reveal(), "0123456789abcdef"},
		{"protect_metrics", c.HTTP.ProtectMetrics, true},
		{"password", c.Switches["pbx"].Password.Reveal(), "12345"},
		{"kind, by default", c.Switches["pbx"].Kind, "asterisk"},
		{"app, by default", c.Switches["pbx"].App, "ringback"},
		{"trunk", c.Trunks["carrier"], Trunk{"pbx", "PJSIP/{number}@carrier", 30, 2.5}},
		{"bot", c.Bots["asha"], Bot{Endpoint: "PJSIP/asha", Callbacks: true}},
		{"caller_id, which YAML takes for a number", camp.CallerID, "+911140000000"},
		{"retry_delay", camp.RetryDelay, 90 * time.Second},
		{"retry_on, one value for a list", fmt.Sprint(camp.RetryOn), "[busy]"},
		{"hours", fmt.Sprint(camp.Window.Hours), "map[mon-fri:[09:00-13:00 14:00-18:00] sat:[10:00-14:00]]"},
		{"holidays, which YAML takes for times", fmt.Sprint(camp.Window.Holidays), "[2026-01-26]"},
		{"ring_timeout, by default", camp.RingTimeout, 30 * time.Second},
		{"max_attempts, by default", camp.MaxAttempts, 3},
		{"dayparts", c.Phrases.Dayparts["teatime"], "15:30-17:00"},
		{"drain", c.Drain.Limit, 90 * time.Second},
		{"lease, by default", c.Lease.TTL, time.Minute},
		{"where", c.Where("trunks.carrier.cps"), "ringback.yaml:20"},
	} {
		if tt.got != tt.want {
			t.Errorf("%v: got %v, want %v", tt.what, tt.got, tt.want)
		}
	}
}

func TestLoadWithoutAnythingIsUsable(t *testing.T) {
	c, err := Load("", nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.HTTP.Listen != "127.0.0.1:8090" || c.Node == "" || c.Log.Level != "info" {
		t.Errorf("got %+v, want the documented defaults", c)
	}
	if _, err := Load(write(t, ""), nil); err != nil {
		t.Errorf("an empty file: %v", err)
	}
	if _, err := Load(write(t, "trunks:\nbots:\n"), nil); err != nil {
		t.Errorf("empty sections: %v", err)
	}
}

// Each file has one thing wrong, and what is said about it is all of it.
func TestLoadSaysWhatIsWrong(t *testing.T) {
	const sw = "switches: {pbx: {url: 'http://h/ari', user: u, password: p}}\n"
	for _, tt := range []struct{ file, want string }{
		{"nodes: a", `ringback.yaml:1: nodes: got a key that does not exist; want "node"?`},
		{"frobnicate: 1", `ringback.yaml:1: frobnicate: got a key that does not exist; want one of node, store, http, switches, trunks, bots, campaigns, phrases, push, log, drain, lease, retention`},
		{"http:\n  listen: 8088", `ringback.yaml:2: http.listen: got "8088"; want host:port, such as 127.0.0.1:8090`},
		{"http:\n  listen: 127.0.0.1:99999", `ringback.yaml:2: http.listen: got "127.0.0.1:99999"; want host:port, such as 127.0.0.1:8090`},
		{"http:\n  listen:", `ringback.yaml:2: http.listen: got nothing; want text`},
		{"http: 127.0.0.1:8088", `ringback.yaml:1: http: got "127.0.0.1:8088"; want keys and values, indented beneath`},
		{"http: {protect_metrics: yes}", `ringback.yaml:1: http.protect_metrics: got "yes"; want true or false`},
		{"http: {tokens: {crm: short}}", `ringback.yaml:1: http.tokens.crm: got 5 characters; want at least 16; openssl rand -hex 32 makes a good one`},
		{"http: {tokens: {crm: [a]}}", `ringback.yaml:1: http.tokens.crm: got a list; want text`},
		{"http: {tokens: hunter2hunter2hunter2}", `ringback.yaml:1: http.tokens: got a single value; want keys and values, indented beneath`},
		{"http: {tokens: {a: 0123456789abcdef, b: 0123456789abcdef}}", `ringback.yaml:1: http.tokens.b: got the same token as a; want a token of its own`},
		{"http: {tokens: {a: 0123456789 abcdef}}", `ringback.yaml:1: http.tokens.a: got a token with spaces or characters beyond ASCII; want letters, digits and punctuation`},
		{"http: {token_file: nowhere}", `nowhere (no such file or directory); want a file that can be read`},
		{"store: {url: postgres://u:hunter2@h}", `ringback.yaml:1: store.url: got postgres://…; want postgres://user@host/database`},
		{"store: {url: /var/lib/x.db}", `ringback.yaml:1: store.url: got "/var/lib/x.db"; want sqlite: and a path, such as sqlite:/var/lib/ringback/ringback.db, or postgres://user@host/database`},
		{"node: a\nlog:\n  level: info\nnode: b", `ringback.yaml:4: node: got the key a second time (first on line 1); want each key once`},
		{"node: a\nb", `ringback.yaml: got line 2: could not find expected ':'; want YAML`},
		{"node: a\n---\nnode: b", `ringback.yaml:2: got a second YAML document; want one`},
		{"<<: {node: a}", `ringback.yaml:1: <<: got a key that is not plain text; want plain keys; "<<" is not read`},
		{"[a, b]", `ringback.yaml:1: got a list; want keys and values, indented beneath`},
		{"drain: {limit: 90}", `ringback.yaml:1: drain.limit: got "90"; want a duration such as 30s, 15m or 1h30m`},
		{"drain: {limit: -5s}", `ringback.yaml:1: drain.limit: got -5s; want 1s to 24h0m0s`},
		{"lease: {ttl: 1s}", `ringback.yaml:1: lease.ttl: got 1s; want 5s to 10m0s`},
		{"retention: {days: -1}", `ringback.yaml:1: retention.days: got -1; want 0 to 36500; 0 keeps everything`},
		{"drain: {limit: 0s}", `ringback.yaml:1: drain.limit: got 0s; want 1s to 24h0m0s`},
		{"log: {level: ''}", `ringback.yaml:1: log.level: got ""; want debug, info, warn or error`},
		{"log: {level: loud}", `ringback.yaml:1: log.level: got "loud"; want debug, info, warn or error`},
		{"log: {format: xml}", `ringback.yaml:1: log.format: got "xml"; want text or json`},
		{"node: ' a'", `ringback.yaml:1: node: got " a"; want a name of 1 to 100 characters`},
		{"switches: {pbx: {kind: freeswitch, password: p}}", `switches.pbx.url: got ""; want the address of the event socket, such as esl://127.0.0.1:8021, without password`},
		{"switches: {pbx: {kind: freeswitch, url: 'esl://h', password: p}}", `ringback.yaml:1: switches.pbx.url: got "esl://h"; want the address of the event socket, such as esl://127.0.0.1:8021, without password`},
		{"switches: {pbx: {kind: freeswitch, url: 'esl://h:8021', user: u, password: p}}", `ringback.yaml:1: switches.pbx.user: got "u"; want nothing: the event socket has a password only`},
		{"switches: {pbx: {kind: freeswitch, url: 'esl://h:8021'}}", `switches.pbx.password: got nothing; want the password of event_socket.conf.xml, or password_file`},
		{"switches: {pbx: {kind: freeswitch, url: 'esl://h:8021', password: p, detector: amd}}", `switches.pbx.detector_variable: got ""; want detector and detector_variable, both or neither`},
		{"switches: {pbx: {url: 'http://h/ari', user: u, password: p, screen_timeout: 1m}}", `ringback.yaml:1: switches.pbx.screen_timeout: got 1m0s; want 1s to 9s`},
		{"switches: {pbx: {url: 'http://h/ari', user: u, password: p, detector: amd}}", `ringback.yaml:1: switches.pbx.detector: got "amd"; want nothing: Asterisk's AMD() is used`},
		{"switches: {pbx: {kind: avaya, url: 'http://h/ari', user: u, password: p}}", `ringback.yaml:1: switches.pbx.kind: got "avaya"; want asterisk or freeswitch`},
		{"switches: {pbx: {url: 'http://u:hunter2@h/ari', user: u, password: p}}", `ringback.yaml:1: switches.pbx.url: got "http://…@h/ari"; want the address of ARI, such as http://127.0.0.1:8088/ari, without user and password`},
		{"switches: {pbx: {url: 'http://h/ari', user: u}}", `switches.pbx.password: got nothing; want the user's password, or password_file`},
		{"switches: {pbx: {url: 'http://h/ari', password: p}}", `switches.pbx.user: got nothing; want the user of ari.conf`},
		{"switches: {pbx: {url: 'http://h/ari', user: u, password: p, password_file: f}}", `ringback.yaml:1: switches.pbx.password_file: got password as well; want one of the two`},
		{"switches: {pbx: {url: 'http://h/ari', user: u, password: p, app: 'a b'}}", `ringback.yaml:1: switches.pbx.app: got "a b"; want letters, digits, - and _`},
		{sw + "trunks: {t: {switch: pxb, dial: x}}", `ringback.yaml:2: trunks.t.switch: got "pxb"; want the name of an entry of switches: pbx`},
		{sw + "trunks: {t: {switch: pbx, channels: many}}", `ringback.yaml:2: trunks.t.channels: got "many"; want a whole number`},
		{sw + "trunks: {t: {switch: pbx, cps: .inf}}", `ringback.yaml:2: trunks.t.cps: got ".inf"; want a number`},
		{sw + "trunks: {t: {switch: pbx, cps: nan}}", `ringback.yaml:2: trunks.t.cps: got "nan"; want a number`},
		{"campaigns: {c: {window: {hours: {mon: {a: b}}}}}", `ringback.yaml:1: campaigns.c.window.hours.mon: got keys and values; want a list`},
		{"campaigns: {c: {retry_on: [busy, [no_answer]]}}", `ringback.yaml:1: campaigns.c.retry_on[1]: got a list; want text`},
	} {
		_, err := Load(write(t, tt.file), nil)
		switch {
		case err == nil:
			t.Errorf("%s\n got no error, want %s", tt.file, tt.want)
		case len(Problems(err)) != 1 || !strings.HasSuffix(err.Error(), tt.want):
			t.Errorf("%s\n got %v\nwant %s", tt.file, err, tt.want)
		case strings.Contains(err.Error(), "hunter2"):
			t.Errorf("%s\n gives the secret away: %v", tt.file, err)
		}
	}
}

func TestLoadReportsAllProblemsAtOnce(t *testing.T) {
	_, err := Load(write(t, "nod: a\nlog: {level: loud, format: 3}\ndrain: {limit: soon}"), []string{"RINGBACK_HTTP_LISTEM=x"})
	if got := len(Problems(err)); got != 5 {
		t.Errorf("got %d problems, want 5:\n%v", got, err)
	}
}

func TestLoadWithoutTheFile(t *testing.T) {
	_, err := Load(filepath.Join(t.TempDir(), "none.yaml"), nil)
	if err == nil || !strings.Contains(err.Error(), "none.yaml (no such file or directory)") {
		t.Errorf("got %v, want an error that names the file", err)
	}
}

func TestEnvironmentGoesOverTheFile(t *testing.T) {
	path := write(t, whole)
	c, err := Load(path, []string{
		"RINGBACK_NODE=dialler-2",
		"RINGBACK_SWITCHES_PBX_PASSWORD=from-env",
		"RINGBACK_SWITCHES_OTHER_PBX_PASSWORD_FILE=pw",
		"RINGBACK_SWITCHES_OTHER_PBX_URL=http://other/ari",
		"RINGBACK_SWITCHES_OTHER_PBX_USER=u",
		"RINGBACK_HTTP_TOKENS_OPS=fedcba9876543210",
		"RINGBACK_CAMPAIGNS_DIWALI__OFFERS_SEATS=9",
		"RINGBACK_CAMPAIGNS_DIWALI__OFFERS_RETRY_ON=busy, no_answer",
		"RINGBACK_CAMPAIGNS_DIWALI__OFFERS_WINDOW_ZONE=UTC",
		"RINGBACK_DRAIN_LIMIT=3s",
		"RINGBACK_LOG_LEVEL=",
		"RINGBACK_URL=not ours",
		"HTTP_LISTEN=nor this",
	})
	if err == nil || !strings.Contains(err.Error(), "switches.other_pbx.password_file: got ") || len(Problems(err)) != 2 {
		t.Errorf("got %v, want that the password file is not there, and so no password", err)
	}
	camp := c.Campaigns["Diwali, offers"]
	for _, tt := range []struct{ what, got, want any }{
		{"node", c.Node, "dialler-2"},
		{"password", c.Switches["pbx"].Password.Reveal(), "from-env"},
		{"a switch the file does not have", c.Switches["other_pbx"].URL, "http://other/ari"},
		{"a token the file does not have", c.HTTP.Tokens["ops"].Reveal(), "fedcba9876543210"},
		{"the file's token", c.HTTP.Tokens["crm"].Reveal(), "0123456789abcdef"},
		{"seats", camp.Seats, 9},
		{"retry_on", fmt.Sprint(camp.RetryOn), "[busy no_answer]"},
		{"zone", camp.Window.Zone, "UTC"},
		{"mode, from the file", camp.Mode, "single_day"},
		{"drain", c.Drain.Limit, 3 * time.Second},
		{"where", c.Where("node"), "RINGBACK_NODE"},
	} {
		if tt.got != tt.want {
			t.Errorf("%v: got %v, want %v", tt.what, tt.got, tt.want)
		}
	}
}

func TestEnvironmentIsStrictToo(t *testing.T) {
	for _, tt := range []struct{ env, want string }{
		{"RINGBACK_DRAIN_LIMIT=soon", `RINGBACK_DRAIN_LIMIT: drain.limit: got "soon"; want a duration such as 30s, 15m or 1h30m`},
		{"RINGBACK_HTTP_LISTEM=x", `RINGBACK_HTTP_LISTEM: got a variable that is no setting; want RINGBACK_ and a key`},
		{"RINGBACK_STORE=x", `RINGBACK_STORE: got a variable that is no setting`},
		{"RINGBACK_TRUNKS_T_CSP=1", `RINGBACK_TRUNKS_T_CSP: got a variable that is no setting`},
		{"RINGBACK_HTTP_TOKENS_X=short", `RINGBACK_HTTP_TOKENS_X: http.tokens.x: got 5 characters`},
	} {
		_, err := Load("", []string{tt.env})
		if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s", tt.env, err, tt.want)
		}
	}
}

func TestSecretsFromFiles(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("pw", "s3cret with space\n")
	put("tokens", "# who: what\n\ncrm: 0123456789abcdef\nops:fedcba9876543210\n")
	put("bad", "crm 0123456789abcdef\na: 0123456789abcdef\na: 0123456789abcdeg\n")
	put("ringback.yaml", "switches: {pbx: {url: 'http://h/ari', user: u, password_file: pw}}\nhttp: {token_file: tokens}")
	put("bad.yaml", "http: {token_file: bad}")

	c, err := Load(filepath.Join(dir, "ringback.yaml"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Switches["pbx"].Password.Reveal(); got != "s3cret with space" {
		t.Errorf("password: got %q", got)
	}
	if len(c.HTTP.Tokens) != 2 || c.HTTP.Tokens["ops"].Reveal() != "fedcba9876543210" {
		t.Errorf("got %d tokens, want two, ops among them", len(c.HTTP.Tokens))
	}

	_, err = Load(filepath.Join(dir, "bad.yaml"), nil)
	for _, want := range []string{"bad:1: http.token_file: got a line that is not a name and a token", `bad:3: http.token_file: got the name "a" a second time`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestASecretIsNeverPrinted(t *testing.T) {
	c := Config{HTTP: HTTP{Tokens: map[string]Secret{"crm": "hunter2"}}, Switches: map[string]Switch{"pbx": {Password: "hunter2"}}}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "config", c, "secret", Secret("hunter2"))
	js, _ := json.Marshal(c)
	ym, _ := yaml.Marshal(c)
	for _, s := range []string{log.String(), string(js), string(ym), fmt.Sprint(c), fmt.Sprintf("%+v %#v %q %x", c, c, c.HTTP.Tokens, c.HTTP.Tokens)} {
		if strings.Contains(s, "hunter2") || strings.Contains(s, "68756e74657232") {
			t.Errorf("gives the secret away: %s", s)
		}
	}
}

func TestDefaultsLeaveTheCallersConfigAlone(t *testing.T) {
	c := Config{Switches: map[string]Switch{"pbx": {}}}
	if got := c.WithDefaults().Switches["pbx"].App; got != "ringback" {
		t.Errorf("app: got %q, want its default", got)
	}
	if c.Switches["pbx"].App != "" {
		t.Error("WithDefaults changed its receiver's map")
	}
}
