// Command ringback is a callback dialler that runs beside a PBX.
//
//	ringback serve      run the dialler
//	ringback check      say what is wrong with a configuration
//	ringback migrate    bring the store's schema up to date
//	ringback resolve    say when a customer's words are, and why
//	ringback import     add a CSV list to a campaign
//	ringback campaign   list, start, pause, resume, stop, restart, status
//	ringback user       add, list, remove users; roles, passwords, tokens
//	ringback demo       ring simulated customers through a real Asterisk
//	ringback version
//
// It exits with 0 when it did what it was asked, 1 when it did not, and 2 when
// it was asked something it does not understand.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	_ "time/tzdata" // a machine without zone files would know no calling window

	"github.com/alecthomas/kong"

	"ringback/config"
)

// version is set by the linker.
var version = "dev"

func main() {
	// The first signal ends the context; after that signals do what they do by
	// default, so that a second one ends the process at once.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	os.Exit(Run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// The exit codes.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
)

// errFailed says that the command failed and has said why.
var errFailed = errors.New("failed")

// streams are where a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

type cli struct {
	Serve    serveCommand    `cmd:"" help:"Run the dialler until SIGTERM."`
	Check    checkCommand    `cmd:"" help:"Say everything that is wrong with a configuration; change nothing."`
	Migrate  migrateCommand  `cmd:"" help:"Bring the schema of the store up to date, as serve does when it starts."`
	Resolve  resolveCommand  `cmd:"" help:"Say when a customer's words are, and show the working."`
	Import   importCommand   `cmd:"" help:"Add the contacts of a CSV file to a campaign."`
	Campaign campaignCommand `cmd:"" help:"List, start, pause, resume, stop, restart campaigns; show one's figures."`
	User     userCommand     `cmd:"" help:"Manage users: add, list, remove; roles, passwords, tokens."`
	Demo     demoCommand     `cmd:"" help:"Ring thirty simulated customers through a real Asterisk of its own, and tell the story."`
	Version  versionCommand  `cmd:"" help:"Say which version this is."`
}

// Run carries out a command line and returns the exit code. The end of ctx is
// what SIGTERM is.
func Run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var c cli
	exited := -1
	k, err := kong.New(&c,
		kong.Name("ringback"),
		kong.Description("A callback dialler that runs beside Asterisk or FreeSWITCH: it rings the people on a campaign's list, and rings those first who asked for it."),
		kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { exited = code }),
		kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(streams{stdin, stdout, stderr}),
		kong.Vars{"config": defaultConfig},
	)
	if err != nil {
		panic(err) // the cli struct is wrong
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := k.Parse(args)
	if exited >= 0 { // --help
		return exited
	}
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "ringback: %v\n", err)
		var pe *kong.ParseError
		if errors.As(err, &pe) && pe.Context != nil && pe.Context.Command() != "" {
			_, _ = fmt.Fprintf(stderr, "See ringback %s --help.\n", pe.Context.Command())
		} else {
			_, _ = fmt.Fprintln(stderr, "See ringback --help.")
		}
		return exitUsage
	}
	switch err := parsed.Run(); {
	case err == nil:
		return exitOK
	case errors.Is(err, errFailed):
		return exitFailure
	default:
		complain(stderr, err)
		return exitFailure
	}
}

// complain writes an error for people: each problem of a configuration on a
// line of its own.
func complain(w io.Writer, err error) {
	var p *config.Problem
	if errors.As(err, &p) {
		for _, p := range config.Problems(err) {
			_, _ = fmt.Fprintln(w, p)
		}
		return
	}
	_, _ = fmt.Fprintf(w, "ringback: %v\n", err)
}

// defaultConfig is read if it is there and no other is named.
const defaultConfig = "/etc/ringback/ringback.yaml"

// configFlag is the flag of all commands that read the configuration.
type configFlag struct {
	Config string `short:"c" env:"RINGBACK_CONFIG" placeholder:"FILE" help:"Configuration file; ${config} if it is there. The environment goes over it."`
}

func (f configFlag) load() (config.Config, error) {
	path := f.Config
	if path == "" {
		if _, err := os.Stat(defaultConfig); err == nil {
			path = defaultConfig
		}
	}
	return config.Load(path, os.Environ())
}

type versionCommand struct{}

func (versionCommand) Run(s streams) error {
	_, err := fmt.Fprintf(s.out, "ringback %s %s %s/%s\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}
