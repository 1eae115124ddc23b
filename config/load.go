package config

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Load reads the file at path, lays environ (as of [os.Environ]) over it, reads
// the files of secrets it names, and fills in defaults. With path "" there is
// no file. The error joins a [*Problem] for everything wrong, those of
// [Config.Check] included; the Config is as far as it could be read.
func Load(path string, environ []string) (Config, error) {
	var c Config
	d := &decoder{where: map[string]string{}}
	if path != "" {
		d.file = filepath.Base(path)
		text, err := os.ReadFile(path)
		if err != nil {
			d.bad("", "", unreadable(err), "a YAML file (see docs/configuration.md)")
			return c.WithDefaults(), errors.Join(d.problems...)
		}
		d.yaml(text, &c)
	}
	vars := map[string]string{}
	for _, e := range environ {
		if name, value, _ := strings.Cut(e, "="); value != "" && strings.HasPrefix(name, EnvPrefix) { // empty is unset
			vars[strings.TrimPrefix(name, EnvPrefix)] = value
		}
	}
	d.environment(vars, reflect.ValueOf(&c).Elem(), "", "")
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		for _, section := range keys(reflect.TypeFor[Config]()) {
			if s := envJoin("", section); name == s || strings.HasPrefix(name, s+"_") {
				d.bad(EnvPrefix+name, "", "a variable that is no setting", "RINGBACK_ and a key of docs/configuration.md in upper case, its parts joined by \"_\"")
			}
		}
	}
	d.secrets(&c, filepath.Dir(path))
	c.where, c.file = d.where, d.file
	c = c.WithDefaults()
	// What could not be read has been reported; that it is therefore missing
	// need not be.
	reported := map[string]bool{}
	for _, err := range d.problems {
		for _, p := range Problems(err) {
			reported[p.Key] = true
		}
	}
	for _, p := range Problems(c.Check()) {
		if !reported[p.Key] {
			d.problems = append(d.problems, p)
		}
	}
	return c, errors.Join(d.problems...)
}

// unreadable says why a file could not be read, as a person would.
func unreadable(err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return fmt.Sprintf("%s (%v)", pe.Path, pe.Err)
	}
	return err.Error()
}

func (d *decoder) yaml(text []byte, c *Config) {
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var doc yaml.Node
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return // an empty file: all defaults
	case err != nil:
		d.bad(d.file, "", strings.TrimPrefix(err.Error(), "yaml: "), "YAML")
		return
	}
	if len(doc.Content) == 1 {
		d.value(doc.Content[0], reflect.ValueOf(c).Elem(), "")
	}
	var second yaml.Node
	if err := dec.Decode(&second); err == nil {
		d.bad(d.at(&second), "", "a second YAML document", "one")
	}
}

// secrets reads the files that hold passwords and tokens.
func (d *decoder) secrets(c *Config, dir string) {
	read := func(key, path string) ([]byte, bool) {
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			d.bad(d.where[key], key, unreadable(err), "a file that can be read")
		}
		return text, err == nil
	}
	for _, name := range slices.Sorted(maps.Keys(c.Switches)) {
		s := c.Switches[name]
		key := join("switches", name) + ".password_file"
		if s.PasswordFile == "" {
			continue
		}
		if s.Password != "" {
			d.bad(d.where[key], key, "password as well", "one of the two")
			continue
		}
		if text, ok := read(key, s.PasswordFile); ok {
			s.Password = Secret(strings.TrimRight(string(text), "\r\n"))
			c.Switches[name] = s
		}
	}
	if c.HTTP.TokenFile == "" {
		return
	}
	const key = "http.token_file"
	text, ok := read(key, c.HTTP.TokenFile)
	if !ok {
		return
	}
	tokens := maps.Clone(c.HTTP.Tokens)
	if tokens == nil {
		tokens = map[string]Secret{}
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		where := fmt.Sprintf("%s:%d", filepath.Base(c.HTTP.TokenFile), n)
		name, token, ok := strings.Cut(line, ":")
		name, token = strings.TrimSpace(name), strings.TrimSpace(token)
		switch _, taken := tokens[name]; {
		case !ok || name == "" || token == "":
			d.bad(where, key, "a line that is not a name and a token", "name: token")
		case taken:
			d.bad(where, key, fmt.Sprintf("the name %q a second time", name), "each name once")
		default:
			tokens[name] = Secret(token)
			d.where["http.tokens."+name] = where
		}
	}
	c.HTTP.Tokens = tokens
}

// WithDefaults returns c with what is unset as its comments say.
func (c Config) WithDefaults() Config {
	defaults(reflect.ValueOf(&c).Elem(), "", c.where)
	if c.Node == "" {
		c.Node, _ = os.Hostname() // an empty name is Check's to report
	}
	return c
}

// File is the name of the file that c was read from; empty if there was none.
func (c Config) File() string { return c.file }

// Where says where key was set: "ringback.yaml:12", a variable's name, or ""
// if it was not.
func (c Config) Where(key string) string { return c.where[key] }

// Check returns a [*Problem] for everything in c that cannot work, joined, or
// nil. What a campaign, trunk or bot makes of its settings is the dialler's to
// judge, not this package's.
func (c Config) Check() error {
	var errs []error
	bad := func(ok bool, key, got, want string) {
		if !ok {
			errs = append(errs, &Problem{c.where[key], key, got, want})
		}
	}
	quoted := func(s string) string { return fmt.Sprintf("%q", s) }
	oneOf := func(key, got string, of ...string) {
		bad(slices.Contains(of, got), key, quoted(got), strings.Join(of[:len(of)-1], ", ")+" or "+of[len(of)-1])
	}
	within := func(key string, d, least, most time.Duration) {
		bad(d >= least && d <= most, key, d.String(), fmt.Sprintf("%v to %v", least, most))
	}

	bad(c.Node != "" && len(c.Node) <= 100 && strings.TrimSpace(c.Node) == c.Node, "node", quoted(c.Node), "a name of 1 to 100 characters")
	bad(c.Retention.Days >= 0 && c.Retention.Days <= 36500, "retention.days", strconv.Itoa(c.Retention.Days), "0 to 36500; 0 keeps everything")
	scheme, rest, _ := strings.Cut(c.Store.URL, ":")
	switch scheme {
	case "postgres", "postgresql":
		u, err := url.Parse(c.Store.URL) // what came may hold a password: it is not repeated
		bad(err == nil && len(u.Path) > 1, "store.url", scheme+"://…", "postgres://user@host/database")
	default:
		bad(scheme == "sqlite" && rest != "", "store.url", quoted(c.Store.URL), "sqlite: and a path, such as sqlite:/var/lib/ringback/ringback.db, or postgres://user@host/database")
	}
	_, port, err := net.SplitHostPort(c.HTTP.Listen)
	_, perr := strconv.ParseUint(port, 10, 16)
	bad(err == nil && perr == nil, "http.listen", quoted(c.HTTP.Listen), "host:port, such as 127.0.0.1:8090")
	holders := map[Secret]string{}
	for _, name := range slices.Sorted(maps.Keys(c.HTTP.Tokens)) {
		t, key := c.HTTP.Tokens[name], "http.tokens."+name
		bad(len(t) >= minToken, key, fmt.Sprintf("%d characters", len(t)), fmt.Sprintf("at least %d; openssl rand -hex 32 makes a good one", minToken))
		bad(strings.IndexFunc(string(t), func(r rune) bool { return r <= ' ' || r > '~' }) < 0, key, "a token with spaces or characters beyond ASCII", "letters, digits and punctuation")
		bad(holders[t] == "", key, "the same token as "+holders[t], "a token of its own")
		holders[t] = name
	}

	bad(c.Push.InFlight >= 1 && c.Push.InFlight <= 1000, "push.in_flight", fmt.Sprint(c.Push.InFlight), "1 to 1000")
	within("push.timeout", c.Push.Timeout, time.Second, 30*time.Second)

	for _, name := range slices.Sorted(maps.Keys(c.Switches)) {
		s, key := c.Switches[name], "switches."+name
		u, err := url.Parse(s.URL)
		bad(appName(s.App), key+".app", quoted(s.App), "letters, digits, - and _")
		if s.ScreenTimeout != 0 {
			within(key+".screen_timeout", s.ScreenTimeout, time.Second, 9*time.Second)
		}
		if s.Kind == "freeswitch" {
			bad(err == nil && u.Scheme == "esl" && u.Hostname() != "" && u.Port() != "" && u.User == nil && strings.Trim(u.Path, "/") == "" && u.RawQuery == "",
				key+".url", quoted(redact(s.URL)), "the address of the event socket, such as esl://127.0.0.1:8021, without password")
			bad(s.User == "", key+".user", quoted(s.User), "nothing: the event socket has a password only")
			bad(s.Password != "", key+".password", "nothing", "the password of event_socket.conf.xml, or password_file")
			bad((s.Detector == "") == (s.DetectorVariable == ""), key+".detector_variable", quoted(s.DetectorVariable), "detector and detector_variable, both or neither")
			continue
		}
		bad(s.Kind == "asterisk", key+".kind", quoted(s.Kind), "asterisk or freeswitch")
		bad(s.Detector == "" && s.DetectorVariable == "", key+".detector", quoted(s.Detector), "nothing: Asterisk's AMD() is used")
		bad(err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil, key+".url", quoted(redact(s.URL)),
			"the address of ARI, such as http://127.0.0.1:8088/ari, without user and password")
		bad(s.User != "", key+".user", "nothing", "the user of ari.conf")
		bad(s.Password != "", key+".password", "nothing", "the user's password, or password_file")
	}
	for _, name := range slices.Sorted(maps.Keys(c.Trunks)) {
		t, key := c.Trunks[name], "trunks."+name+".switch"
		_, ok := c.Switches[t.Switch]
		bad(ok, key, quoted(t.Switch), "the name of an entry of switches"+among(c.Switches))
	}
	oneOf("log.level", c.Log.Level, "debug", "info", "warn", "error")
	oneOf("log.format", c.Log.Format, "text", "json")
	within("drain.limit", c.Drain.Limit, time.Second, 24*time.Hour)
	within("lease.ttl", c.Lease.TTL, 5*time.Second, 10*time.Minute)
	within("lease.hold", c.Lease.Hold, time.Minute, 24*time.Hour)
	return errors.Join(errs...)
}

// minToken is how many characters keep a token from being guessed, if they are
// random.
const minToken = 16

func among[V any](m map[string]V) string {
	if len(m) == 0 {
		return ""
	}
	return ": " + strings.Join(slices.Sorted(maps.Keys(m)), ", ")
}

func appName(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == ""
}

// redact takes the password out of an address.
func redact(s string) string {
	if i, j := strings.Index(s, "//"), strings.LastIndex(s, "@"); i >= 0 && j > i {
		return s[:i+2] + "…" + s[j:]
	}
	return s
}
