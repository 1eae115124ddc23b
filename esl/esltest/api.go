package esltest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

const noChannel = "-ERR No such channel!\n"

// runAPI runs a command of FreeSWITCH's other than originate. The lock is held.
func (fs *FreeSWITCH) runAPI(name, arg string) string {
	switch name {
	case "uptime":
		return "361\n"
	case "version":
		return "FreeSWITCH Version 1.11.2-release~64bit (-release 64bit)\n"
	case "status":
		return fs.status()
	case "global_getvar":
		if arg == "core_uuid" {
			return fs.core
		}
		return ""
	case "fsctl":
		switch arg {
		case "pause_check outbound":
			return fmt.Sprint(fs.paused)
		case "pause outbound":
			fs.paused = true
			return "+OK\n"
		case "resume outbound":
			fs.paused = false
			return "+OK\n"
		}
		return "-USAGE: fsctl …\n"
	case "xml_locate":
		return fs.locate(arg)
	case "show":
		return fs.show(arg)
	case "hupall":
		for _, id := range append([]string(nil), fs.names...) {
			fs.hangup(fs.channels[id], "MANAGER_REQUEST", 0)
		}
		return "+OK hangup all channels with cause MANAGER_REQUEST\n"
	}
	if name == "uuid_exists" {
		return fmt.Sprint(fs.channels[arg] != nil)
	}
	id, rest, _ := strings.Cut(arg, " ")
	switch name {
	case "uuid_getvar", "uuid_setvar", "uuid_setvar_multi", "uuid_kill", "uuid_bridge", "uuid_transfer",
		"uuid_broadcast", "uuid_dump", "avmd":
	default:
		return "-ERR " + name + " Command not found!\n"
	}
	ch := fs.channels[id]
	if ch == nil {
		return noChannel
	}
	switch name {
	case "uuid_getvar":
		return fs.getvar(ch, rest)
	case "uuid_setvar":
		argv := Separate(arg, 0, 3)
		value := ""
		if len(argv) == 3 {
			value = clean(argv[2], 0)
		}
		ch.set(argv[1], value)
		return "+OK\n"
	case "uuid_setvar_multi":
		for _, p := range Separate(rest, ';', 64) {
			if k, v, _ := strings.Cut(p, "="); k != "" && !expands(v) {
				ch.set(k, v)
			}
		}
		return "+OK\n"
	case "uuid_kill":
		cause := rest
		if cause == "" {
			cause = "NORMAL_CLEARING"
		}
		fs.hangup(ch, cause, 0)
		return "+OK\n"
	case "uuid_bridge":
		other := fs.channels[rest]
		if other == nil || !ch.answered && !other.answered {
			return "-ERR Invalid uuid\n"
		}
		fs.bridge(ch, other)
		return "+OK " + rest + "\n"
	case "uuid_transfer":
		return fs.transfer(ch, rest)
	case "uuid_broadcast":
		return fs.broadcast(ch, rest)
	case "uuid_dump":
		return fs.dump(ch, rest)
	default: // avmd
		ch.avmd = rest == "start"
		if ch.avmd {
			fs.startAVMD(ch)
		}
		return "+OK\n [" + ch.id + "] [" + ch.name + "] " + rest + "\n\n"
	}
}

// locate is "xml_locate dialplan context name NAME".
func (fs *FreeSWITCH) locate(arg string) string {
	name, ok := strings.CutPrefix(arg, "dialplan context name ")
	if !ok {
		return "bad args\n"
	}
	var b strings.Builder
	for _, place := range slices.Sorted(maps.Keys(fs.opts.Dialplan)) {
		if context, exten, _ := strings.Cut(place, ","); context == name {
			fmt.Fprintf(&b, "  <extension name=%q>\n    <condition field=\"destination_number\" expression=\"^%s$\">\n"+
				"    </condition>\n  </extension>\n", exten, exten)
		}
	}
	if b.Len() == 0 {
		return "can't find anything\n"
	}
	return fmt.Sprintf("<context name=%q>\n%s</context>\n", name, b.String())
}

func (fs *FreeSWITCH) getvar(ch *channel, name string) string {
	var v string
	ok := true
	switch name {
	case "uuid":
		v = ch.id
	case "current_application":
		v, ok = ch.app, ch.app != ""
	case "endpoint_disposition":
		v, ok = "ANSWER", ch.answered
	default:
		v, ok = ch.get(name)
	}
	if !ok {
		return "_undef_"
	}
	return v
}

// transfer sends a leg to an extension. One whose originate is not over comes
// back to where that was to send it.
func (fs *FreeSWITCH) transfer(ch *channel, arg string) string {
	argv := strings.Fields(arg)
	if len(argv) < 1 {
		return "-USAGE: <uuid> [-bleg|-both] <dest-exten> [<dialplan>] [<context>]\n"
	}
	context := "default"
	if len(argv) > 2 {
		context = argv[2]
	}
	fs.unbridge(ch)
	if ch.hung {
		return "+OK\n"
	}
	fs.after(ch, 2*time.Millisecond, func() {
		if ch.originating {
			return
		}
		app, ok := fs.opts.Dialplan[context+","+argv[0]]
		if !ok {
			fs.hangup(ch, "NO_ROUTE_DESTINATION", 0)
			return
		}
		fs.run(ch, app)
	})
	return "+OK\n"
}

// broadcast plays a file; "app::args" runs an application instead.
func (fs *FreeSWITCH) broadcast(ch *channel, arg string) string {
	argv := strings.Fields(arg)
	if len(argv) == 0 {
		return "-USAGE: <uuid> <path> [aleg|bleg|holdb|both]\n"
	}
	if strings.Contains(argv[0], "::") {
		fs.apps = append(fs.apps, argv[0])
		return "+OK Message sent\n"
	}
	if strings.Contains(argv[0], "missing") {
		return "+OK Message sent\n"
	}
	fs.after(ch, time.Millisecond, func() {
		fs.emit("PLAYBACK_START", ch, "Playback-File-Path", argv[0])
		fs.after(ch, 20*time.Millisecond, func() {
			fs.emit("PLAYBACK_STOP", ch, "Playback-File-Path", argv[0], "Playback-Status", "done")
		})
	})
	return "+OK Message sent\n"
}

func (fs *FreeSWITCH) dump(ch *channel, format string) string {
	e := fs.event("CHANNEL_DATA", ch)
	if format == "json" {
		_, body, _ := strings.Cut(string(e.JSON()), "\n\n")
		return body
	}
	_, body, _ := strings.Cut(string(e.Plain()), "\n\n")
	return body
}

// show is "show channels as json": a leg takes 0.18 s to appear, it has its
// account code only once it has answered, and without any there is no rows.
func (fs *FreeSWITCH) show(arg string) string {
	if arg != "channels as json" {
		return "-USAGE: show …\n"
	}
	type row struct {
		UUID      string `json:"uuid"`
		Direction string `json:"direction"`
		Name      string `json:"name"`
		State     string `json:"state"`
		Account   string `json:"accountcode"`
	}
	var rows []row
	for _, id := range fs.names {
		ch := fs.channels[id]
		if !fs.opts.Calm && time.Since(ch.made) < 180*time.Millisecond {
			continue
		}
		account := ""
		if ch.answered {
			account, _ = ch.get("accountcode")
		}
		rows = append(rows, row{id, "outbound", ch.name, "CS_EXECUTE", account})
	}
	if len(rows) == 0 {
		return `{"row_count": 0}`
	}
	b, _ := json.Marshal(map[string]any{"row_count": len(rows), "rows": rows}) // strings do marshal
	return string(b)
}

func (fs *FreeSWITCH) status() string {
	sps, most := fs.sps, fs.max
	if sps == 0 {
		sps = 500
	}
	if most == 0 {
		most = 4000
	}
	return fmt.Sprintf("UP 0 years, 0 days, 0 hours, 6 minutes, 0 seconds, 73 milliseconds, 636 microseconds\n"+
		"FreeSWITCH (Version 1.11.2-release  64bit) is ready\n%d session(s) since startup\n"+
		"%d session(s) - peak %d, last 5min %d\n%d session(s) per Sec out of max %d, peak %d, last 5min %d\n"+
		"%d session(s) max\nmin idle cpu 0.00/97.00\nCurrent Stack Size/Max 240K/8192K\n",
		len(fs.begun), len(fs.channels), len(fs.channels), len(fs.channels), fs.rate(), sps, fs.rate(), fs.rate(), most)
}
