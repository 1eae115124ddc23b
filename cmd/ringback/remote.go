package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"ringback/dialler/api"
)

// remoteFlags say which running Ringback a command talks to.
type remoteFlags struct {
	configFlag
	Server string `env:"RINGBACK_SERVER" placeholder:"URL" help:"A running Ringback, such as http://127.0.0.1:8090; that of the configuration unless given."`
	Token  string `env:"RINGBACK_TOKEN" placeholder:"TOKEN" help:"Bearer token; the first of the configuration unless given."`
}

// A remote is a running Ringback.
type remote struct {
	base, token string
	client      *http.Client
}

func (f remoteFlags) remote() (*remote, error) {
	r := &remote{base: strings.TrimRight(f.Server, "/"), token: f.Token, client: &http.Client{Timeout: 2 * time.Minute}}
	if r.base == "" || r.token == "" {
		cfg, err := f.load()
		if err != nil && errors.Is(err, os.ErrPermission) {
			return nil, fmt.Errorf("%w; give --server and --token", err)
		}
		if err != nil {
			return nil, err
		}
		if r.base == "" {
			r.base = "http://" + dialable(cfg.HTTP.Listen)
		}
		for _, name := range slices.Sorted(maps.Keys(cfg.HTTP.Tokens)) {
			if r.token == "" {
				r.token = cfg.HTTP.Tokens[name].Reveal()
			}
		}
	}
	if r.token == "" {
		return nil, errors.New("no token: give --token, RINGBACK_TOKEN, or a configuration with http.tokens")
	}
	if u, err := url.Parse(r.base); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("server: got %q; want an address such as http://127.0.0.1:8090", r.base)
	}
	return r, nil
}

// dialable turns an address to listen on into one to call: ":8090" is this
// machine.
func dialable(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return listen
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

// do sends in as JSON, if it is not nil, and reads the answer into out.
func (r *remote) do(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("%s %s: %w", method, path, err)
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, r.base+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+r.token)
	req.Header.Set("Accept", "application/json")
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := r.client.Do(req)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("nobody answers at %s: is ringback serve running there?", r.base)
	}
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode >= 300 {
		return problemOf(resp)
	}
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		return fmt.Errorf("%s %s: the answer is not what was expected: %w", method, path, err)
	}
	return nil
}

// problemOf reads an error answer.
func problemOf(resp *http.Response) error {
	var p huma.ErrorModel
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&p); err != nil || p.Detail == "" {
		return fmt.Errorf("%s answered %s; is that Ringback?", resp.Request.URL.Redacted(), resp.Status)
	}
	lines := []string{p.Detail}
	for _, e := range p.Errors {
		lines = append(lines, fmt.Sprintf("%s: got %v; %s", strings.TrimPrefix(e.Location, "body."), e.Value, e.Message))
	}
	return errors.New(strings.Join(lines, "\n  "))
}

// campaign finds a campaign by name.
func (r *remote) campaign(ctx context.Context, name string) (api.Campaign, error) {
	var list struct {
		Campaigns []api.Campaign `json:"campaigns"`
	}
	if err := r.do(ctx, http.MethodGet, "/v1/campaigns", nil, &list); err != nil {
		return api.Campaign{}, err
	}
	var names []string
	for _, c := range list.Campaigns {
		if c.Name == name {
			return c, nil
		}
		names = append(names, c.Name)
	}
	if names == nil {
		return api.Campaign{}, fmt.Errorf("there is no campaign %q, nor any other", name)
	}
	return api.Campaign{}, fmt.Errorf("there is no campaign %q; there are: %s", name, strings.Join(names, ", "))
}
