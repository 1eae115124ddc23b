package lab

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/template"
	"time"

	"ringback/deploy/asterisk"
)

//go:embed conf/*.conf
var ownConf embed.FS

// values are what the files in conf/ are rendered with, and what the snippets of
// deploy/asterisk have replaced.
type values struct {
	Dir       string // the instance's folder, as seen inside the root
	Agent     string // the instance's name in SIP
	Password  string
	HTTPPort  int
	SIPPort   int
	RTPFirst  int
	RTPLast   int
	Carrier   string // host:port the trunk leads to
	BotHost   string // host:port the bot is at
	Qualify   int    // seconds
	Additions map[string]string
}

// render makes every file of the instance's etc folder, by name.
func render(v values) (map[string]string, error) {
	files := map[string]string{}

	own, err := template.ParseFS(ownConf, "conf/*.conf")
	if err != nil {
		return nil, fmt.Errorf("parsing the lab's configuration: %w", err)
	}
	for _, t := range own.Templates() {
		var text bytes.Buffer
		if err := t.Execute(&text, v); err != nil {
			return nil, fmt.Errorf("rendering %s: %w", t.Name(), err)
		}
		files[t.Name()] = text.String()
	}

	// A snippet whose Asterisk file the lab has already is included by it.
	snippets, err := fs.Glob(asterisk.Snippets, "*.conf")
	if err != nil {
		return nil, err
	}
	for _, name := range snippets {
		text, err := asterisk.Snippets.ReadFile(name)
		if err != nil {
			return nil, err
		}
		if _, taken := files[name]; taken {
			name = "ringback-" + name
		}
		files[name] = string(text)
	}
	qualify := strconv.Itoa(v.Qualify)
	for _, r := range []struct{ file, old, new string }{
		{"http.conf", "bindport=8088", "bindport=" + strconv.Itoa(v.HTTPPort)},
		{"ari.conf", "password=change-me", "password=" + v.Password},
		{"rtp.conf", "rtpstart=10000", "rtpstart=" + strconv.Itoa(v.RTPFirst)},
		{"rtp.conf", "rtpend=19999", "rtpend=" + strconv.Itoa(v.RTPLast)},
		{"ringback-pjsip.conf", "contact=sip:bot@127.0.0.1:5070", "contact=sip:bot@" + v.BotHost},
		{"ringback-pjsip.conf", "qualify_frequency=0", "qualify_frequency=" + qualify},
	} {
		if n := strings.Count(files[r.file], r.old); n != 1 {
			return nil, fmt.Errorf("%s has %q %d times, the lab replaces it once", r.file, r.old, n)
		}
		files[r.file] = strings.Replace(files[r.file], r.old, r.new, 1)
	}

	// Asterisk complains about each of these that is not there.
	for _, name := range []string{
		"acl.conf", "ccss.conf", "chan_websocket.conf", "features.conf", "indications.conf", "manager.conf",
		"musiconhold.conf", "pjproject.conf", "udptl.conf", "websocket_client.conf",
	} {
		files[name] = "; nothing: Asterisk's defaults\n"
	}
	for name, text := range v.Additions {
		if _, known := files[name]; !known {
			return nil, fmt.Errorf("Options.Append: the lab has no file %q", name)
		}
		files[name] += "\n" + text + "\n"
	}
	return files, nil
}

// write puts the configuration and the empty folders of an instance into dir.
func write(dir string, files map[string]string, uid, gid int) error {
	for _, sub := range []string{"etc", "lib", "lib/keys", "cache", "spool", "run", "log"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return err
		}
		if err := os.Chown(filepath.Join(dir, sub), uid, gid); err != nil {
			return err
		}
	}
	for name, text := range files {
		path := filepath.Join(dir, "etc", name)
		if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
			return err
		}
		if err := os.Chown(path, uid, gid); err != nil {
			return err
		}
	}
	return nil
}

func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }
