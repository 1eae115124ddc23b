// Command farend plays customers and a voice bot at the other end of a SIP trunk; the
// last two digits of a number pick what becomes of a call. See docs/lab.md.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/alecthomas/kong"

	"ringback/deploy/lab/farend"
)

type options struct {
	Addr      string        `default:"127.0.0.1:5070" help:"Host:port for SIP over UDP."`
	Ring      time.Duration `default:"200ms" help:"From INVITE to the final response."`
	Talk      time.Duration `default:"20s" help:"How long a customer stays when nobody hangs up."`
	BotTalk   time.Duration `default:"2s" help:"How long the bot talks before it hangs up; negative: until the other side does."`
	NoMedia   bool          `help:"Send no RTP."`
	API       string        `help:"Ringback's base URL, to post analyses to, such as http://127.0.0.1:8080."`
	Token     string        `env:"RINGBACK_TOKEN" help:"Bearer token for it."`
	Journal   string        `help:"File that gets a line of JSON for everything that happens."`
	HTTP      string        `help:"Host:port that shows the record: /calls, /overlaps."`
	PhoneBook bool          `help:"Print the phone book and exit."`
}

func main() {
	var o options
	kong.Parse(&o, kong.Description("Customers and a voice bot to ring, over SIP. Its last two digits say what becomes of a number."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "farend:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options, out io.Writer) (err error) {
	if o.PhoneBook {
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		for _, l := range farend.PhoneBook() {
			_, _ = fmt.Fprintf(w, "…%s\t%s\n", l.Digits, l.What) // Flush tells
		}
		return w.Flush()
	}

	opts := farend.Options{
		Addr: o.Addr, Ring: o.Ring, Talk: o.Talk, BotTalk: o.BotTalk, NoMedia: o.NoMedia, API: o.API, Token: o.Token,
		Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
	if o.Journal != "" {
		journal, openErr := os.OpenFile(o.Journal, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
		if openErr != nil {
			return openErr
		}
		defer func() { err = errors.Join(err, journal.Close()) }()
		opts.Journal = journal
	}
	f, err := farend.Start(opts)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	_, _ = fmt.Fprintf(out, "farend: SIP at %s; customers by number, the bot as bot@%s\n", f.Addr, f.Addr)

	if o.HTTP != "" {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", o.HTTP)
		if err != nil {
			return err
		}
		s := &http.Server{Handler: f.Record, ReadHeaderTimeout: 5 * time.Second}
		go func() { _ = s.Serve(l) }() // ends with Close
		defer func() { _ = s.Close() }()
		_, _ = fmt.Fprintf(out, "farend: the record at http://%s/calls\n", l.Addr())
	}
	<-ctx.Done()
	return nil
}
