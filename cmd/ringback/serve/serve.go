package serve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"ringback/ari"
	"ringback/callback"
	"ringback/config"
	"ringback/dialler"
	"ringback/dialler/api"
	"ringback/dialler/console"
	"ringback/dialler/metrics"
	"ringback/dialler/push"
	"ringback/dialler/store/postgres"
	"ringback/dialler/store/sqlite"
	"ringback/dialler/user"
	"ringback/esl"
)

// Options are what a process needs besides its configuration. The zero value
// is ready to use.
type Options struct {
	Version string
	Logger  *slog.Logger // nil: slog.Default()

	// Observe is told all that happens, after the metrics; it must not block.
	// nil: nobody.
	Observe func(dialler.Happening)

	// Store, if not nil, is used in place of the configured one, and not closed.
	Store Store
	// Switches, if not nil, are used in place of the configured ones.
	Switches map[string]dialler.Switch
}

// A Store keeps everything, users and what is pushed too.
type Store interface {
	dialler.Store
	dialler.Deliveries
	dialler.Records
	dialler.Receipts
	user.Store
}

// A Process is a Ringback that runs.
type Process struct {
	cfg   config.Config
	log   *slog.Logger
	store Store
	loop  *dialler.Loop
	push  *push.Pusher
	addr  net.Addr

	done  chan struct{} // closed when it has ended by itself
	fault error         // why; read after done
	fail  sync.Once

	undo []step // to be taken back, the last first
	stop sync.Once
	err  error // of Stop
}

// A step is something that was done, and how to take it back.
type step struct {
	name string
	back func() error
}

// Start starts a process. It is up when Start returns: the store is open, what
// is declared is there, and HTTP answers; the links to the switches may take a
// little longer, which /readyz tells. The process goes on when ctx ends: ctx is
// for the starting only.
func Start(ctx context.Context, cfg config.Config, o Options) (p *Process, err error) {
	cfg = cfg.WithDefaults()
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	if o.Switches == nil {
		if err := Check(cfg); err != nil {
			return nil, err
		}
	}
	declared, err := declared(cfg)
	if err != nil {
		return nil, err
	}
	p = &Process{cfg: cfg, log: o.Logger, done: make(chan struct{})}
	if p.log == nil {
		p.log = slog.Default()
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.unwind())
			p = nil
		}
	}()

	if p.store = o.Store; p.store == nil {
		if p.store, err = openStore(ctx, cfg.Store.URL, declared.words, p.log); err != nil {
			return p, err
		}
		p.did("store", p.store.Close)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.HTTP.Listen)
	if err != nil {
		return p, fmt.Errorf("http.listen: %w", err)
	}
	p.addr = listener.Addr()
	p.did("listener", func() error {
		if err := listener.Close(); !errors.Is(err, net.ErrClosed) { // the server closes it too
			return err
		}
		return nil
	})
	if err := declared.carryOut(ctx, p.store, p.log, time.Now()); err != nil {
		return p, err
	}

	switches := o.Switches
	if switches == nil {
		if switches, err = newSwitches(cfg, p.log); err != nil {
			return p, err
		}
	}
	var m *metrics.Metrics
	live := console.NewLive()
	p.loop, err = dialler.NewLoop(dialler.Options{
		Node: cfg.Node, Store: p.store, Switches: switches, LeaseTTL: cfg.Lease.TTL, Hold: cfg.Lease.Hold, Logger: p.log,
		Version: o.Version, Process: here(), Gone: gone,
		Observe: func(h dialler.Happening) {
			m.Observe(h)
			live.Observe(h)
			if h.Kind == dialler.HasSettled {
				p.push.Nudge()
			}
			if o.Observe != nil {
				o.Observe(h)
			}
		},
	})
	if err != nil {
		return p, err
	}
	watch := metrics.Options{Store: p.store, Version: o.Version, Status: p.loop.Status}
	if s, ok := p.store.(interface {
		OldestTransaction(context.Context) (time.Duration, error)
	}); ok {
		watch.OldestTransaction = s.OldestTransaction
	}
	m = metrics.New(watch)
	sender := push.NewSender(declared.guard, o.Version, cfg.Push.Timeout)
	p.push = push.New(push.Options{Store: p.store, Sender: sender, InFlight: cfg.Push.InFlight, Logger: p.log, Observe: func(r push.Result) {
		m.Pushed(r.Delivery.Campaign, r.Try.State, r.Took)
	}})
	p.runPush(sender)
	p.runLoop()
	p.runRetention(m.Pruned)
	p.serveHTTP(listener, m, live, sender, o.Version)
	p.log.Info("ringback is up", "node", cfg.Node, "http", p.addr.String(), "store", scheme(cfg.Store.URL), "version", o.Version)
	return p, nil
}

// scheme is the store's kind, for the log: its address may hold a password.
func scheme(url string) string { s, _, _ := strings.Cut(url, ":"); return s }

func openStore(ctx context.Context, url string, words *callback.Resolver, log *slog.Logger) (Store, error) {
	if scheme := scheme(url); scheme == "postgres" || scheme == "postgresql" {
		return postgres.Open(ctx, url, postgres.Options{Words: words, Log: log})
	}
	path, ok := strings.CutPrefix(url, "sqlite:")
	if !ok {
		return nil, fmt.Errorf("store.url: %q is neither sqlite: and a path nor postgres://…", url)
	}
	return sqlite.Open(ctx, path, sqlite.Options{Words: words})
}

// OpenStore opens the configured store, for a command that changes something in
// it by itself. It fails with a [*sqlite.InUseError] where a Ringback runs on the
// same file.
func OpenStore(ctx context.Context, cfg config.Config) (Store, error) {
	return openStore(ctx, cfg.WithDefaults().Store.URL, nil, slog.New(slog.DiscardHandler))
}

// Migrate brings the schema of the store up to date and does nothing else.
func Migrate(ctx context.Context, cfg config.Config) error {
	s, err := OpenStore(ctx, cfg)
	if err != nil {
		return err
	}
	return s.Close()
}

func newSwitches(cfg config.Config, log *slog.Logger) (map[string]dialler.Switch, error) {
	switches := map[string]dialler.Switch{}
	for name, s := range cfg.Switches {
		sw, err := newSwitch(s, log.With("switch", name))
		if err != nil {
			return nil, fmt.Errorf("switches.%s: %w", name, err)
		}
		switches[name] = sw
	}
	return switches, nil
}

func newSwitch(s config.Switch, log *slog.Logger) (dialler.Switch, error) {
	if s.Kind == "freeswitch" {
		return esl.New(FreeSWITCH(s, log))
	}
	return ari.New(ari.Options{
		URL: s.URL, User: s.User, Password: s.Password.Reveal(), App: s.App, ScreenTimeout: s.ScreenTimeout, Logger: log,
	})
}

// FreeSWITCH is what a switch of that kind is driven by.
func FreeSWITCH(s config.Switch, log *slog.Logger) esl.Options {
	return esl.Options{
		Addr: strings.TrimSuffix(strings.TrimPrefix(s.URL, "esl://"), "/"), Password: s.Password.Reveal(), App: s.App,
		Detector: s.Detector, DetectorVariable: s.DetectorVariable, ScreenTimeout: s.ScreenTimeout, Logger: log,
	}
}

// runPush pushes results until the last call is settled: it is taken down after
// the loop.
func (p *Process) runPush(sender *push.Sender) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		p.push.Run(ctx)
	}()
	p.did("push", func() error {
		cancel()
		<-ended
		sender.Close()
		return nil
	})
}

func (p *Process) runLoop() {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		err := p.loop.Run(ctx)
		if ctx.Err() == nil {
			if err == nil {
				err = errors.New("the loop ended by itself")
			}
			p.fails(err)
		}
	}()
	p.did("loop", func() error {
		cancel()
		<-ended
		return nil
	})
}

func (p *Process) serveHTTP(listener net.Listener, m *metrics.Metrics, live *console.Live, sender *push.Sender, version string) {
	tokens := map[string]string{}
	for holder, t := range p.cfg.HTTP.Tokens {
		tokens[holder] = t.Reveal()
	}
	if len(tokens) == 0 {
		p.log.Info("http.tokens is empty: only users can sign in to the console, and only tokens of theirs open /v1; ringback user add makes the first user")
	}
	door := user.NewDoor(user.Options{Store: p.store, Tokens: tokens, Limits: user.Limits{Requests: p.cfg.HTTP.RequestsPerSecond}})
	handler := api.New(api.Options{
		Store: p.store, Door: door, Users: p.store, Sender: sender, Metrics: m.Handler(), ProtectMetrics: p.cfg.HTTP.ProtectMetrics,
		Observe: func(r api.Request) {
			m.Request(r.Method, r.Route, r.Status, r.Took)
			if r.Method != http.MethodGet && r.Method != http.MethodHead && r.Status < 300 {
				p.push.Nudge()
				live.Changed() // an analysis, new contacts, a setting
			}
		},
		Health: func() api.Health {
			s := p.loop.Status()
			return api.Health{Node: s.Node, Links: s.Links, Live: s.Live, Draining: s.Draining}
		},
		Version: version, Logger: p.log,
	})
	pages := console.New(console.Options{Store: p.store, Sender: sender, Door: door, Users: p.store, Live: live, Status: p.loop.Status, Declared: declares(p.cfg), Logger: p.log})
	server := api.NewServer(front(handler, pages), p.log)
	server.RegisterOnShutdown(live.Close) // its streams would never end by themselves
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			p.fails(fmt.Errorf("serve HTTP: %w", err))
		}
	}()
	p.did("HTTP", func() error {
		// Requests in progress are few and short.
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		err := server.Shutdown(ctx)
		if err != nil {
			err = errors.Join(err, server.Close())
		}
		<-ended
		return err
	})
}

// declares is what the console says of what a configuration declares.
func declares(cfg config.Config) console.Declared {
	return console.Declared{
		File: cfg.File(), Bots: slices.Collect(maps.Keys(cfg.Bots)), Campaigns: slices.Collect(maps.Keys(cfg.Campaigns)),
	}
}

// front sends a request to the API if it is for one of its addresses, and to
// the console otherwise.
func front(api, pages http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch path := r.URL.Path; {
		case path == "/v1", strings.HasPrefix(path, "/v1/"), strings.HasPrefix(path, "/openapi"),
			path == "/healthz", path == "/readyz", path == "/metrics":
			api.ServeHTTP(w, r)
		default:
			pages.ServeHTTP(w, r)
		}
	})
}

// fails ends the process by itself.
func (p *Process) fails(err error) {
	p.fail.Do(func() {
		p.fault = err
		close(p.done)
	})
}

func (p *Process) did(name string, back func() error) {
	p.undo = append(p.undo, step{name, back})
}

// unwind takes back what was done, the last first.
func (p *Process) unwind() error {
	var errs []error
	for _, s := range slices.Backward(p.undo) {
		if err := s.back(); err != nil {
			errs = append(errs, fmt.Errorf("stop %s: %w", s.name, err))
		}
	}
	p.undo = nil
	return errors.Join(errs...)
}

// Addr is where HTTP listens, "127.0.0.1:8090".
func (p *Process) Addr() string { return p.addr.String() }

// Store is the process's store.
func (p *Process) Store() Store { return p.store }

// Status is how the loop stands.
func (p *Process) Status() dialler.Status { return p.loop.Status() }

// Done is closed when the process cannot go on, as when a switch refuses the
// password. [Process.Fault] says why; Stop is still to be called.
func (p *Process) Done() <-chan struct{} { return p.done }

// Fault is why the process ended by itself; nil while it has not.
func (p *Process) Fault() error {
	select {
	case <-p.done:
		return p.fault
	default:
		return nil
	}
}

// Stop drains, for as long as drain.limit allows and until ctx ends, and takes
// everything down. It returns nil if it came down cleanly, also with calls left
// up on the switch; the second call returns what the first did.
func (p *Process) Stop(ctx context.Context) error {
	p.stop.Do(func() {
		if p.Fault() == nil {
			p.drain(ctx)
		}
		p.err = p.unwind()
		p.log.Info("ringback is down")
	})
	return p.err
}

func (p *Process) drain(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, p.cfg.Drain.Limit)
	defer cancel()
	p.log.Info("draining: no new calls; those in progress may end", "live", p.loop.Status().Live, "limit", p.cfg.Drain.Limit)
	if err := p.loop.Drain(ctx); err != nil {
		p.log.Warn("calls are left up on the switch; the next start asks after them", "live", p.loop.Status().Live, "why", err)
	}
}

// NewLogger makes the logger that a configuration asks for.
func NewLogger(l config.Log, w io.Writer) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(l.Level)); err != nil {
		level = slog.LevelInfo
	}
	o := &slog.HandlerOptions{Level: level}
	if l.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}
