package torture

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"ringback/deploy/lab"
	"ringback/deploy/lab/farend"
	"ringback/deploy/lab/node"
	"ringback/deploy/lab/port"
	"ringback/deploy/lab/postgres"
	"ringback/deploy/lab/wire"
	store "ringback/dialler/store/postgres"
)

const token = "torture-token-of-32-characters-or-so"

// A floor is what a calling floor has: a Postgres, two Asterisks, each with the
// customers and the bot that it reaches, three nodes, a wire from each node to
// everything that it needs, and a balancer before their APIs.
type floor struct {
	t    *testing.T
	seed uint64
	dir  string

	db    *postgres.Server
	store *store.Store // the auditor's own, by no wire
	pbxs  map[string]*pbx
	nodes map[string]*workplace
	wires map[string]*wire.Wire

	balancer *http.Server
	front    string // the balancer's base URL
	turn     atomic.Uint64

	asking atomic.Bool // customers still ask to be rung back

	mu      sync.Mutex
	ordeals []ordeal
	count   map[string]int
	errs    []error // of the lab itself
}

// A pbx is an Asterisk and all whom it reaches.
type pbx struct {
	*lab.Asterisk
	far *farend.FarEnd
}

// A workplace is a node and what stands around it.
type workplace struct {
	node.Node
	name string
	base string // of its API
	log  *logbook

	mu   sync.Mutex
	away bool // it was ended, and is not to be started yet
	sick bool // nobody is to ask it for anything
}

// An ordeal is a mishap that has come true.
type ordeal struct {
	mishap
	from, to time.Time
}

// A logbook is a file of what a node said, all its lives long.
type logbook struct {
	node.Tail
	file  *os.File
	panic atomic.Bool
}

func (l *logbook) Write(b []byte) (int, error) {
	_, _ = l.Tail.Write(b)
	for _, word := range []string{"panic: ", "fatal error: "} {
		if bytes.Contains(b, []byte(word)) {
			l.panic.Store(true)
		}
	}
	return l.file.Write(b)
}

// newFloor starts everything but the nodes.
func newFloor(t *testing.T, seed uint64, long bool) *floor {
	t.Helper()
	lab.Require(t)
	postgres.Require(t)
	dir, err := os.MkdirTemp("", "ringback-torture-")
	if err != nil {
		t.Fatal(err)
	}
	f := &floor{t: t, seed: seed, dir: dir, pbxs: map[string]*pbx{}, nodes: map[string]*workplace{}, wires: map[string]*wire.Wire{}, count: map[string]int{}}
	f.asking.Store(true)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the nodes' logs are kept in %s", dir)
		} else {
			_ = os.RemoveAll(dir)
		}
	})
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	binary, err := node.Build(dir)
	must(err)
	f.db, err = postgres.Start(ctx, postgres.Options{})
	must(err)
	t.Cleanup(func() { _ = f.db.Close() })
	f.store, err = store.Open(ctx, f.db.URL, store.Options{Conns: 4, Poll: -1, Log: slog.New(slog.DiscardHandler)})
	must(err)
	t.Cleanup(func() { _ = f.store.Close() })

	who := func(number string) (farend.Person, bool) { return personOf(seed, number, long), true }
	for _, name := range pbxNames {
		far, err := farend.Start(farend.Options{
			BotTalk: time.Second, Talk: 12 * time.Second, Who: who,
			Analyse: func(c farend.BotCall) []farend.Post { return f.analyse(c, who) },
		})
		must(err)
		t.Cleanup(func() { _ = far.Close() })
		asterisk, err := lab.Start(ctx, lab.Options{Name: "torture", FarEnd: far.Addr})
		must(err)
		t.Cleanup(func() { _ = asterisk.Close() })
		f.pbxs[name] = &pbx{asterisk, far}
	}
	for _, name := range nodeNames {
		must(f.place(name, binary))
	}
	must(f.balance())
	for _, p := range f.pbxs {
		p.far.PostTo(f.front, token)
	}
	return f
}

// analyse is what the bot reports. When the run is over nobody asks for
// anything any more, or it would never end.
func (f *floor) analyse(c farend.BotCall, who func(string) (farend.Person, bool)) []farend.Post {
	if f.asking.Load() {
		return farend.Analyse(c, who)
	}
	return []farend.Post{{Body: farend.Saying{}.Body()}}
}

// place puts a node up, with its wires and its configuration; it does not run.
func (f *floor) place(name, binary string) error {
	own, err := port.Take("tcp", 0)
	if err != nil {
		return err
	}
	f.t.Cleanup(own.Release)
	listen := own.Addr()
	lay := func(to, address string) (*wire.Wire, error) {
		w, err := wire.Lay(address)
		if err == nil {
			f.wires[wireName(name, to)] = w
			f.t.Cleanup(func() { _ = w.Close() })
		}
		return w, err
	}
	w, err := lay("postgres", fmt.Sprintf("127.0.0.1:%d", f.db.Port))
	if err != nil {
		return err
	}
	conf := fmt.Sprintf(`
node: %s
store: {url: "postgres://ringback@%s/ringback?sslmode=disable"}
http: {listen: "%s", tokens: {torture: %s}}
log: {level: debug}
lease: {ttl: %v}
drain: {limit: 3s}
bots:
  asha: {endpoint: PJSIP/bot, callbacks: true}
  plan: {extension: "ringback-bot,s,1", callbacks: true}
  deaf: {endpoint: PJSIP/bot}
switches:
`, name, w.Addr, listen, token, leaseTTL)
	trunks := "trunks:\n"
	for _, pbx := range pbxOf[name] {
		p := f.pbxs[pbx]
		ari, err := url.Parse(p.ARIURL)
		if err != nil {
			return err
		}
		w, err := lay(pbx, ari.Host)
		if err != nil {
			return err
		}
		ari.Host = w.Addr
		conf += fmt.Sprintf("  %s: {kind: asterisk, url: \"%s\", user: %s, password: %s, app: ringback-%s}\n", pbx, ari, p.User, p.Password, name)
		trunks += fmt.Sprintf("  %s: {switch: %s, dial: \"PJSIP/{number}@trunk\", cps: %d}\n", lineOf[pbx], pbx, lineCPS)
	}
	file := filepath.Join(f.dir, name+".yaml")
	if err := os.WriteFile(file, []byte(conf+trunks), 0o600); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(f.dir, name+".log"))
	if err != nil {
		return err
	}
	f.t.Cleanup(func() { _ = log.Close() })
	n := &workplace{name: name, base: "http://" + listen, log: &logbook{file: log}}
	n.Binary, n.Config, n.Log = binary, file, n.log
	f.nodes[name] = n
	return nil
}

// The trunk of each Asterisk, and how many calls a second it takes.
var lineOf = map[string]string{"pbx-1": "line-1", "pbx-2": "line-2"}

const lineCPS = 4

// balance stands before the nodes' APIs, as a floor's load balancer does: each
// request goes to the next of them, sick or well.
func (f *floor) balance() error {
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			n := f.nodes[nodeNames[f.turn.Add(1)%uint64(len(nodeNames))]]
			to, _ := url.Parse(n.base) // of our making
			r.SetURL(to)
		},
		Transport: &http.Transport{ResponseHeaderTimeout: 3 * time.Second, DisableKeepAlives: true},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			http.Error(w, err.Error(), http.StatusBadGateway)
		},
		ErrorLog: nil,
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	f.front = "http://" + l.Addr().String()
	f.balancer = &http.Server{Handler: proxy, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = f.balancer.Serve(l) }() // ends with Close
	f.t.Cleanup(func() { _ = f.balancer.Close() })
	return nil
}

// run keeps the nodes up, each until ctx ends: one that ends by itself, as
// when it is started while Postgres is away, is started again, as systemd
// does.
func (f *floor) run(ctx context.Context) (wait func()) {
	var wg sync.WaitGroup
	for _, n := range f.nodes {
		wg.Go(func() {
			for ctx.Err() == nil {
				n.mu.Lock()
				if !n.away {
					if err := n.Start(); err != nil {
						f.fault(err)
					}
				}
				gone := n.Gone()
				n.mu.Unlock()
				select {
				case <-gone:
				case <-ctx.Done():
					n.Signal(syscall.SIGCONT)
					n.Signal(syscall.SIGKILL)
					<-gone
					return
				}
				n.mu.Lock()
				byItself := !n.away
				n.mu.Unlock()
				if byItself {
					f.counted("exits")
				}
				pause(ctx, 200*time.Millisecond)
			}
		})
	}
	return wg.Wait
}

// ready waits until every node is: what they declare is there then.
func (f *floor) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for _, n := range f.nodes {
		for {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, n.base+"/readyz", nil)
			if err != nil {
				return err
			}
			resp, err := http.DefaultClient.Do(req)
			if err == nil {
				err = closeBody(resp)
			}
			if err == nil && resp.StatusCode == http.StatusOK {
				break
			}
			if ctx.Err() != nil {
				return fmt.Errorf("%s is not ready after %v; it says:\n%s", n.name, patience, n.log)
			}
			pause(ctx, 50*time.Millisecond)
		}
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

func (f *floor) counted(what string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count[what]++
}

// fault notes that the lab itself has failed.
func (f *floor) fault(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.errs = append(f.errs, err)
}

// suffer carries out a mishap, to its end.
func (f *floor) suffer(ctx context.Context, m mishap) {
	o := ordeal{mishap: m, from: time.Now()}
	switch {
	case f.nodes[m.whom] != nil:
		f.ail(ctx, f.nodes[m.whom], m)
	case f.pbxs[m.whom] != nil:
		f.fell(ctx, f.pbxs[m.whom], m)
	case m.whom == "postgres":
		f.drop(ctx, m)
	default:
		f.tug(ctx, f.wires[m.whom], m)
	}
	o.to = time.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ordeals = append(f.ordeals, o)
	f.count[m.what]++
	if m.whom == "postgres" {
		f.count["Postgres restarts"]++
	}
}

func (f *floor) ail(ctx context.Context, n *workplace, m mishap) {
	set := func(away, sick bool) {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.away, n.sick = away, sick
	}
	switch m.what {
	case freeze:
		set(false, true)
		n.Signal(syscall.SIGSTOP)
		pause(ctx, m.lasts)
		n.Signal(syscall.SIGCONT)
	case kill:
		set(true, true)
		n.Signal(syscall.SIGKILL)
		<-n.Gone()
		pause(ctx, m.lasts)
	case retire:
		set(true, true)
		n.Signal(syscall.SIGTERM)
		select {
		case <-n.Gone():
		case <-time.After(30 * time.Second): // it may be waiting for a Postgres that is away
			n.Signal(syscall.SIGKILL)
			<-n.Gone()
		}
	}
	set(false, false)
}

// fell kills an Asterisk. Its calls are lost; what of it was still under way to
// the far end when we asked is lost a moment later.
func (f *floor) fell(ctx context.Context, p *pbx, m mishap) {
	if err := p.Kill(); err != nil {
		f.fault(err)
	}
	p.far.Record.Lost()
	pause(ctx, max(m.lasts, 300*time.Millisecond))
	p.far.Record.Lost()
	if err := p.Restart(f.t.Context()); err != nil {
		f.fault(err)
	}
}

func (f *floor) drop(ctx context.Context, m mishap) {
	down := f.db.Stop
	if m.what == crash {
		down = f.db.Kill
	}
	if err := down(); err != nil {
		f.fault(err)
	}
	pause(ctx, m.lasts)
	if err := f.db.Restart(f.t.Context()); err != nil {
		f.fault(err)
	}
}

func (f *floor) tug(ctx context.Context, w *wire.Wire, m mishap) {
	switch m.what {
	case cut:
		w.Cut(m.lasts)
	case stall:
		w.Stall()
	case slow:
		w.Slow(50*time.Millisecond + m.lasts/20)
	case lose:
		w.Lose(lostNotice)
	}
	pause(ctx, m.lasts)
	w.Mend()
}

// live is how many calls are up at all far ends.
func (f *floor) live() (n int) {
	for _, p := range f.pbxs {
		n += p.far.Record.Live()
	}
	return n
}

func closeBody(r *http.Response) error {
	_, err := io.Copy(io.Discard, r.Body)
	return errors.Join(err, r.Body.Close())
}
