package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"ringback/deploy/lab"
	"ringback/deploy/lab/farend"
	"ringback/deploy/lab/node"
	"ringback/deploy/lab/port"
	"ringback/dialler/api"
)

// patience bounds every wait: a test that hangs fails with what it waited for. It
// is long because nothing here is about speed.
const patience = 3 * time.Minute

// binary is ringback, built once for all tests.
var binary string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "ringback-e2e-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer func() { _ = os.RemoveAll(dir) }()
		if binary, err = node.Build(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return m.Run()
	}())
}

const token = "e2e-token-of-32-characters-or-so"

// A rig is one of each: an Asterisk, a far end, a ringback and its API.
type rig struct {
	t        *testing.T
	ctx      context.Context
	far      *farend.FarEnd
	pbx      pbx
	base     string // of the API
	database string // the file
	log      *node.Tail
	proc     *node.Node
}

// A pbx can be killed and started again.
type pbx interface {
	Kill() error
	Restart(context.Context) error
}

// newRig starts everything. o may be left zero; its Addr, API and Token are set here.
func newRig(t *testing.T, o farend.Options) *rig {
	t.Helper()
	if !onFreeSWITCH(t) {
		lab.Require(t)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	t.Cleanup(cancel)
	r := &rig{t: t, ctx: ctx, log: &node.Tail{}}

	own, err := port.Take("tcp", 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(own.Release)
	r.base = "http://" + own.Addr()
	o.API, o.Token = r.base, token
	far, err := farend.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	r.far = far
	t.Cleanup(func() { _ = far.Close() })

	var conf string
	var logTail func(int) string
	if onFreeSWITCH(t) {
		p := startFreeSWITCH(t, far, o.Who)
		r.pbx, conf, logTail = p, p.conf, func(int) string { return "" }
	} else {
		pbx, err := lab.Start(ctx, lab.Options{Name: "e2e", FarEnd: far.Addr})
		if err != nil {
			t.Fatal(err)
		}
		r.pbx, conf, logTail = pbx, asteriskConf(pbx), pbx.LogTail
		t.Cleanup(func() { _ = pbx.Close() })
	}

	dir := t.TempDir()
	r.database = filepath.Join(dir, "ringback.db")
	r.proc = &node.Node{Binary: binary, Config: filepath.Join(dir, "ringback.yaml"), Log: r.log}
	conf = fmt.Sprintf(`
node: e2e
store: {url: "sqlite:%s"}
http: {listen: "%s", tokens: {e2e: %s}}
log: {level: debug}
`, r.database, own.Addr(), token) + conf
	if err := os.WriteFile(r.proc.Config, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.kill(syscall.SIGKILL)
		if r.log.Raced() {
			t.Error("the race detector spoke up in ringback")
		}
		if t.Failed() {
			t.Logf("the end of ringback's log:\n%s", r.log)
			t.Logf("the end of the switch's log:\n%s", logTail(30))
			for _, c := range far.Record.Calls() {
				t.Logf("far end: %s %s bot=%v nth=%d status=%d ended=%s by %s class=%s", c.Invited.Format("15:04:05.000"), c.Number, c.Bot, c.Nth, c.Status,
					c.Ended.Format("15:04:05.000"), c.EndedBy, c.Header("X-Ringback-Class"))
			}
		}
	})
	r.start()
	return r
}

func asteriskConf(pbx *lab.Asterisk) string {
	return fmt.Sprintf(`
switches:
  pbx: {kind: asterisk, url: "%s", user: %s, password: %s, app: ringback-e2e}
trunks:
  trunk: {switch: pbx, dial: "PJSIP/{number}@trunk"}
bots:
  asha: {endpoint: PJSIP/bot, callbacks: true}
  deaf: {endpoint: PJSIP/bot}
  plan: {extension: "ringback-bot,s,1", callbacks: true}
  nobody: {endpoint: PJSIP/bot-nobody@nowhere, callbacks: true}
  teller: {extension: "lab-bots,later,1", callbacks: true}
`, pbx.ARIURL, pbx.User, pbx.Password)
}

// start runs ringback and waits until it says that it is ready.
func (r *rig) start() {
	r.t.Helper()
	if err := r.proc.Start(); err != nil {
		r.t.Fatal(err)
	}
	gone := r.proc.Gone()
	r.until("ringback is ready", func() bool {
		select {
		case <-gone:
			r.t.Fatalf("ringback ended by itself:\n%s", r.log)
		default:
		}
		resp, err := http.Get(r.base + "/readyz")
		if err != nil {
			return false
		}
		defer func() { _ = resp.Body.Close() }()
		return resp.StatusCode == http.StatusOK
	})
}

// kill sends ringback a signal and waits for its end.
func (r *rig) kill(sig os.Signal) {
	gone := r.proc.Gone()
	if gone == nil {
		return
	}
	r.proc.Signal(sig)
	select {
	case <-gone:
	case <-time.After(patience):
		r.proc.Signal(syscall.SIGKILL)
		r.t.Errorf("ringback did not end on %v", sig)
	}
}

// until waits for something that can only be asked for.
func (r *rig) until(what string, ok func() bool) {
	r.t.Helper()
	limit := time.Now().Add(patience)
	for !ok() {
		if time.Now().After(limit) || r.ctx.Err() != nil {
			r.t.Fatalf("waited %v in vain: %s", patience, what)
		}
		time.Sleep(200 * time.Millisecond) // asked more often, ringback does little else than answer
	}
}

// heard waits for what is to reach the far end.
func (r *rig) heard(what string, ok func([]farend.Call) bool) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.ctx, patience)
	defer cancel()
	if err := r.far.Record.Wait(ctx, ok); err != nil {
		r.t.Fatalf("waited in vain: %s: %v", what, err)
	}
}

// call makes a request of the API and reads its answer into out.
func (r *rig) call(method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(r.ctx, method, r.base+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, b)
	}
	if out == nil || len(b) == 0 {
		return nil
	}
	return json.Unmarshal(b, out)
}

func (r *rig) must(method, path string, in, out any) {
	r.t.Helper()
	if err := r.call(method, path, in, out); err != nil {
		r.t.Fatal(err)
	}
}

// A campaign is one of the rig's, by its ID.
type campaign struct {
	*rig
	id int64
}

// always is a window that is always open.
var always = api.Window{Zone: "Asia/Kolkata", Hours: map[string][]string{"daily": {"00:00-24:00"}}}

// campaign creates and starts one with contacts; what c leaves zero is set to what
// suits a test.
func (r *rig) campaign(c api.Campaign, numbers ...string) campaign {
	r.t.Helper()
	p := r.draft(c, numbers...)
	p.must("POST", p.path("start"), nil, nil)
	return p
}

func (r *rig) draft(c api.Campaign, numbers ...string) campaign {
	r.t.Helper()
	set := func(s *string, to string) {
		if *s == "" {
			*s = to
		}
	}
	set(&c.Name, r.t.Name())
	set(&c.Trunk, "trunk")
	set(&c.Bot, "asha")
	set(&c.Retry, "2s")
	set(&c.Ring, "30s")    // whoever is to answer does, on a busy machine too
	set(&c.State, "draft") // read-only, but it has to be one
	if c.Window.Zone == "" {
		c.Window = always
	}
	if c.Seats == 0 {
		c.Seats = 10
	}
	if c.Attempts == 0 {
		c.Attempts = 3
	}
	var made api.Campaign
	r.must("POST", "/v1/campaigns", c, &made)
	p := campaign{r, made.ID}
	if len(numbers) > 0 {
		p.add(numbers...)
	}
	return p
}

func (p campaign) path(more string) string { return fmt.Sprintf("/v1/campaigns/%d/%s", p.id, more) }

func (p campaign) add(numbers ...string) {
	p.t.Helper()
	var list []api.NewContact
	for _, n := range numbers {
		list = append(list, api.NewContact{Number: n, Variables: map[string]string{"name": "Āśā, \"" + n + "\""}})
	}
	p.must("POST", p.path("contacts"), map[string]any{"contacts": list}, nil)
}

// calls are the campaign's calls, oldest first.
func (p campaign) calls(filter string) []api.Call {
	p.t.Helper()
	var page struct {
		Calls []api.Call `json:"calls"`
	}
	path := p.path("calls?limit=1000")
	if filter != "" {
		path += "&callbacks=" + filter
	}
	p.must("GET", path, nil, &page)
	for i, j := 0, len(page.Calls)-1; i < j; i, j = i+1, j-1 {
		page.Calls[i], page.Calls[j] = page.Calls[j], page.Calls[i]
	}
	return page.Calls
}

func (p campaign) counters() api.Counters {
	p.t.Helper()
	var c api.Counters
	p.must("GET", p.path("counters"), nil, &c)
	return c
}

// contact is the contact with a number, as it is now; nil while it was never rung.
func (p campaign) contact(number string) *api.Contact {
	p.t.Helper()
	for _, c := range p.calls("") {
		if c.Number == number {
			return &c.Contact
		}
	}
	return nil
}

// state waits for a contact to come to a state.
func (p campaign) state(number, want string) {
	p.t.Helper()
	p.until(number+" becomes "+want, func() bool {
		c := p.contact(number)
		return c != nil && c.State == want
	})
}

// promises are the callbacks asked for in the campaign, in the order of the calls.
func (p campaign) promises() []api.Callback {
	p.t.Helper()
	var list []api.Callback
	for _, c := range p.calls("requested") {
		if c.Ruling != nil && c.Ruling.Callback != nil {
			list = append(list, *c.Ruling.Callback)
		}
	}
	return list
}

// sober asserts what must hold after every story.
func (p campaign) sober() {
	p.t.Helper()
	if o := p.far.Record.Overlaps(); len(o) > 0 {
		p.t.Errorf("I1: %s was rung twice at once: at %v and %v", o[0].First.Number, o[0].First.Invited, o[0].Second.Invited)
	}
	c := p.counters()
	if got := c.Callbacks.Pending + c.Callbacks.Completed + c.Callbacks.Cancelled; got != c.Callbacks.Requested {
		p.t.Errorf("I5: %d callbacks requested, but %d pending + %d completed + %d cancelled", c.Callbacks.Requested, c.Callbacks.Pending, c.Callbacks.Completed, c.Callbacks.Cancelled)
	}
}

// number is one of the phone book's: its last two digits pick the outcome, n tells
// apart those that share it.
func number(n int, digits string) string { return fmt.Sprintf("+919800%04d%s", n, digits) }
