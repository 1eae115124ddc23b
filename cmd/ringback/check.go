package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"ringback/cmd/ringback/serve"
	"ringback/config"
	"ringback/dialler/store/postgres"
	"ringback/esl"
)

type checkCommand struct {
	configFlag
	Connect bool `help:"Also ask every switch who it is, and look whether the store's folder can be written to. A Ringback that runs is not disturbed."`
}

func (c checkCommand) Run(ctx context.Context, s streams) error {
	cfg, err := c.load()
	err = errors.Join(err, serve.Check(cfg))
	if err != nil {
		found := config.Problems(err)
		for _, p := range found {
			_, _ = fmt.Fprintln(s.err, p)
		}
		_, _ = fmt.Fprintf(s.err, "%s wrong\n", plural(len(found), "thing is", "things are"))
		return errFailed
	}
	if cfg.File() != "" {
		_, _ = fmt.Fprintf(s.out, "%s: ", cfg.File())
	}
	_, _ = fmt.Fprintf(s.out, "%s, %s, %s, %s: good\n",
		plural(len(cfg.Switches), "switch", "switches"), plural(len(cfg.Trunks), "trunk", "trunks"),
		plural(len(cfg.Bots), "bot", "bots"), plural(len(cfg.Campaigns), "campaign", "campaigns"))
	if len(cfg.HTTP.Tokens) == 0 {
		_, _ = fmt.Fprintln(s.out, "note: http.tokens is empty, so only users get in (ringback user add) and tokens of theirs")
	}
	if c.Connect && !c.connect(ctx, cfg, s.out) {
		return errFailed
	}
	return nil
}

// connect asks those that cfg names whether they are there.
func (c checkCommand) connect(ctx context.Context, cfg config.Config, w io.Writer) bool {
	good := true
	say := func(name, is string, err error) {
		if err != nil {
			good, is = false, err.Error()
		}
		_, _ = fmt.Fprintf(w, "%s: %s\n", name, is)
	}
	if path, ok := strings.CutPrefix(cfg.Store.URL, "sqlite:"); ok {
		say("store.url", "its folder can be written to", writable(filepath.Dir(path)))
	} else {
		say("store.url", "Postgres answers", postgres.Ask(ctx, cfg.Store.URL))
	}
	for _, name := range slices.Sorted(maps.Keys(cfg.Switches)) {
		is, err := askSwitch(ctx, cfg.Switches[name])
		say("switches."+name, is, err)
	}
	return good
}

func writable(dir string) error {
	f, err := os.CreateTemp(dir, ".ringback-check-*")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

func askSwitch(ctx context.Context, s config.Switch) (string, error) {
	if s.Kind == "freeswitch" {
		return esl.Version(ctx, serve.FreeSWITCH(s, nil))
	}
	return askAsterisk(ctx, s)
}

// askAsterisk asks for its version over ARI, without subscribing to anything:
// a second subscriber would take the first one's events.
func askAsterisk(ctx context.Context, s config.Switch) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(s.URL, "/")+"/asterisk/info?only=system", nil)
	if err != nil {
		return "", err
	}
	req.SetBasicAuth(s.User, s.Password.Reveal())
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusUnauthorized, http.StatusForbidden:
		return "", fmt.Errorf("it refuses user %q: see ari.conf (status %d)", s.User, resp.StatusCode)
	default:
		return "", fmt.Errorf("status %d; want ARI at %s", resp.StatusCode, s.URL)
	}
	var info struct {
		System struct {
			Version string `json:"version"`
		} `json:"system"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&info); err != nil {
		return "", fmt.Errorf("what answers at %s is not Asterisk: %w", s.URL, err)
	}
	return "Asterisk " + info.System.Version, nil
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
