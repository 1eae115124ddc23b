package lab

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"ringback/deploy/lab/port"
)

// Options of one instance. The zero value is an Asterisk on free ports whose trunk
// leads nowhere.
type Options struct {
	// Name starts the name of the instance's folder. "" is "asterisk".
	Name string
	// Root is an installed root. "" is [Root]().
	Root string

	// FarEnd is the host:port, SIP over UDP, that PJSIP/…@trunk leads to. "" is the
	// discard port of loopback, where nobody answers.
	FarEnd string
	// Bot is the host:port that PJSIP/bot is at. "" is FarEnd: customers are dialled
	// by number there, the bot by the user part bot.
	Bot string

	// HTTPPort (ARI) and SIPPort (UDP) are on 127.0.0.1. 0 takes a free one, which
	// stays this instance's until Close.
	HTTPPort, SIPPort int
	// RTPFirst and RTPLast bound the media ports. Both 0 is 10000 to 19999, which
	// instances share.
	RTPFirst, RTPLast int

	// Qualify asks the trunk and the bot for a sign of life by OPTIONS at this
	// interval, in whole seconds. 0 never asks, and both count as there.
	Qualify time.Duration
	// Append adds text at the end of configuration files, by name ("amd.conf").
	Append map[string]string
	// Keep leaves the folder, with the log, after Close.
	Keep bool
}

// Asterisk is an instance. Its methods may be called from several goroutines; Stop,
// Kill, Restart and Close happen one at a time.
type Asterisk struct {
	// ARIURL is the root of the REST interface, "http://127.0.0.1:20480/ari"; events
	// are at the same address with ws, under /events. It stays over a Restart, as the
	// user, the password and the ports do.
	ARIURL         string
	User, Password string
	// SIPAddr is the host:port of the SIP transport (UDP).
	SIPAddr string
	// Version is Asterisk's, "22.10.1".
	Version string
	// LogFile is Asterisk's own log (notices, warnings, errors).
	LogFile string

	root     string // of the installation
	dir      string // of the instance, as seen inside the root
	agent    string
	uid, gid uint32
	keep     bool
	lock     *os.File // held while this process has the instance
	ports    []port.Port

	turn sync.Mutex // one of Stop, Kill, Restart, Close at a time

	mu      sync.Mutex
	running *process // the one started last, nil before
	closed  bool
}

// Apology is a sound that the lab's Asterisk has, as ARI wants it named: for a customer
// to whom no bot came.
const Apology = "sound:sorry-youre-having-problems"

// startLimit bounds the wait for a started Asterisk when the caller's context does
// not: it is there in half a second, on a busy machine in a few.
const startLimit = 60 * time.Second

// Start runs a new instance and returns when ARI and SIP both answer. What earlier
// processes left behind, killed before they could close, is cleared away first. The
// error of an instance that did not come up ends with the end of its log.
func Start(ctx context.Context, o Options) (*Asterisk, error) {
	a := &Asterisk{User: "ringback", root: o.Root, keep: o.Keep}
	if o.Name == "" {
		o.Name = "asterisk"
	}
	if len(o.Name) > 40 || o.Name != filepath.Base(o.Name) || strings.HasPrefix(o.Name, ".") {
		return nil, fmt.Errorf("Options.Name: %q is no name for a folder, such as \"pbx\", of 40 characters at most", o.Name)
	}
	if a.root == "" {
		root, err := Root()
		if err != nil {
			return nil, err
		}
		a.root = root
	}
	version, err := Version(a.root)
	if err != nil {
		return nil, err
	}
	a.Version = version
	if os.Geteuid() != 0 {
		return nil, errors.New("starting the lab's Asterisk needs root (chroot)")
	}
	if a.uid, a.gid, err = asteriskUser(a.root); err != nil {
		return nil, err
	}

	id := o.Name + "-" + randomHex(4)
	a.dir, a.agent = filepath.Join("/srv/lab", id), "lab-"+id
	a.Password = randomHex(16)
	if err := a.claim(); err != nil {
		return nil, fmt.Errorf("starting the lab's Asterisk: %w", err)
	}
	err = a.configure(o)
	if err == nil {
		err = a.launch(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

func (a *Asterisk) configure(o Options) error {
	http, err := port.Take("tcp", o.HTTPPort)
	if err != nil {
		return fmt.Errorf("Options.HTTPPort: %w", err)
	}
	a.ports = append(a.ports, http)
	sip, err := port.Take("udp", o.SIPPort)
	if err != nil {
		return fmt.Errorf("Options.SIPPort: %w", err)
	}
	a.ports = append(a.ports, sip)
	a.ARIURL = fmt.Sprintf("http://127.0.0.1:%d/ari", http.Number)
	a.SIPAddr = fmt.Sprintf("127.0.0.1:%d", sip.Number)

	v := values{
		Dir: a.dir, Agent: a.agent, Password: a.Password,
		HTTPPort: http.Number, SIPPort: sip.Number,
		RTPFirst: o.RTPFirst, RTPLast: o.RTPLast,
		Carrier: o.FarEnd, BotHost: o.Bot,
		Qualify: seconds(o.Qualify), Additions: o.Append,
	}
	if v.RTPFirst == 0 && v.RTPLast == 0 {
		v.RTPFirst, v.RTPLast = 10000, 19999
	}
	if v.Carrier == "" {
		v.Carrier = "127.0.0.1:9"
	}
	if v.BotHost == "" {
		v.BotHost = v.Carrier
	}
	files, err := render(v)
	if err != nil {
		return err
	}
	a.LogFile = filepath.Join(a.outside(), "log", "messages.log")
	if err := write(a.outside(), files, int(a.uid), int(a.gid)); err != nil {
		return fmt.Errorf("writing the configuration: %w", err)
	}
	return nil
}

// outside is the instance's folder as this process sees it.
func (a *Asterisk) outside() string { return filepath.Join(a.root, a.dir) }

// PID is that of the Asterisk process, 0 when none runs.
func (a *Asterisk) PID() int {
	if p := a.current(); p != nil && p.alive() {
		return p.cmd.Process.Pid
	}
	return 0
}

// Done is closed when the process that runs now has ended, whoever ended it. After a
// Restart, ask again.
func (a *Asterisk) Done() <-chan struct{} {
	if p := a.current(); p != nil {
		return p.done
	}
	never := make(chan struct{})
	close(never)
	return never
}

func (a *Asterisk) current() *process {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.running
}

// Stop ends Asterisk as an operator does: it hangs up every call (BYE, CANCEL) and
// exits. One that hangs, as it may after heavy overload, is killed when ctx ends or
// after ten seconds. Stopping a stopped instance does nothing.
func (a *Asterisk) Stop(ctx context.Context) error {
	a.turn.Lock()
	defer a.turn.Unlock()
	return a.stop(ctx)
}

func (a *Asterisk) stop(ctx context.Context) error {
	p := a.current()
	if p == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return p.end(ctx)
}

// Kill is the accident: SIGKILL. Nothing is sent to the far end; legs are orphaned.
func (a *Asterisk) Kill() error {
	a.turn.Lock()
	defer a.turn.Unlock()
	if p := a.current(); p != nil {
		return p.kill()
	}
	return nil
}

// Restart stops Asterisk if it runs, starts it on the same ports with the same
// configuration, and returns when it answers again.
func (a *Asterisk) Restart(ctx context.Context) error {
	a.turn.Lock()
	defer a.turn.Unlock()
	a.mu.Lock()
	closed := a.closed
	a.mu.Unlock()
	if closed {
		return errors.New("restarting the lab's Asterisk: it was closed")
	}
	if err := a.stop(ctx); err != nil {
		return err
	}
	return a.launch(ctx)
}

// Close stops Asterisk, gives its ports back and removes its folder.
func (a *Asterisk) Close() error {
	a.turn.Lock()
	defer a.turn.Unlock()
	a.mu.Lock()
	closed := a.closed
	a.closed = true
	a.mu.Unlock()
	if closed {
		return nil
	}
	err := a.stop(context.Background())
	for _, p := range a.ports {
		p.Release()
	}
	return errors.Join(err, a.release())
}

func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}
