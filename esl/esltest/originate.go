package esltest

import (
	"strings"
	"time"

	"github.com/google/uuid"
)

const usage = "-USAGE: <call url> <exten>|&<application_name>(<app_args>) [<dialplan>] [<context>] [<cid_name>] [<cid_num>] [<timeout_sec>]\n"

// originate begins a call; done gets the result, perhaps at once. The lock is
// held, also when done is called.
func (fs *FreeSWITCH) originate(arg string, done func(string)) {
	argv := Separate(arg, 0, 10)
	if len(argv) < 2 {
		done(usage)
		return
	}
	vars, dial, ok := Brackets(argv[0], '{', '}')
	if !ok {
		done("-ERR DESTINATION_OUT_OF_ORDER\n")
		return
	}
	if len(argv) > 3 || len(argv) == 3 && argv[2] != "inline" { // a blank in the dial string
		done("-ERR DESTINATION_OUT_OF_ORDER\n")
		return
	}
	if strings.ContainsAny(dial, "|,") && !strings.HasPrefix(dial, "[") {
		done("-ERR DESTINATION_OUT_OF_ORDER\n") // more than this one can do
		return
	}
	own, dial, ok := Brackets(dial, '[', ']')
	if !ok || strings.ContainsAny(dial, "{}[]") {
		done("-ERR CHAN_NOT_IMPLEMENTED\n")
		return
	}
	kind, rest, _ := strings.Cut(dial, "/")
	if kind != "sofia" && kind != "loopback" {
		done("-ERR CHAN_NOT_IMPLEMENTED\n")
		return
	}
	ch := &channel{kind: kind, made: time.Now(), originating: true, job: done}
	for _, v := range append(vars, own...) {
		if !expands(v[1]) {
			ch.set(v[0], v[1])
		}
	}
	ch.id, _ = ch.get("origination_uuid")
	if len(ch.id) > 36 {
		ch.id = ch.id[:36]
	}
	if ch.id == "" {
		ch.id = uuid.NewString()
	}
	ch.ignoreEarly = ch.is("ignore_early_media")

	if fs.channels[ch.id] != nil {
		if kind == "sofia" {
			done("-ERR DESTINATION_OUT_OF_ORDER\n")
			return
		}
		ch.id = uuid.NewString() // loopback places a second call
	}
	if fs.paused || fs.full() {
		done("-ERR DESTINATION_OUT_OF_ORDER\n")
		return
	}
	gateway := ""
	ch.number = rest
	if kind == "sofia" {
		parts := strings.SplitN(rest, "/", 3)
		ch.number, ch.host, _ = strings.Cut(parts[len(parts)-1], "@")
		if parts[0] == "gateway" {
			if len(parts) < 3 {
				done("-ERR INVALID_URL\n")
				return
			}
			gateway = parts[1]
			if _, known := fs.opts.Gateways[gateway]; !known {
				e := fs.event("CHANNEL_DESTROY", nil, "Unique-ID", ch.id, "Answer-State", "ringing")
				fs.send(e)
				done("-ERR INVALID_GATEWAY\n")
				return
			}
		}
	} else {
		ch.number, _, _ = strings.Cut(rest, "/")
	}
	ch.name = kind + "/" + gateway + "/" + ch.number
	fs.begun = append(fs.begun, time.Now())
	fs.channels[ch.id] = ch
	fs.names = append(fs.names, ch.id)
	fs.times[ch.number]++
	ch.take = fs.takes(ch.number, fs.times[ch.number])
	fs.emit("CHANNEL_OUTGOING", ch)
	fs.emit("CHANNEL_CREATE", ch)
	fs.emit("CHANNEL_ORIGINATE", ch)
	if kind == "sofia" {
		if up, known := fs.opts.Gateways[gateway]; known && !up {
			ch.status = 503 // FreeSWITCH's own; nobody has replied
			fs.hangup(ch, "NORMAL_TEMPORARY_FAILURE", 503)
			return
		}
		fs.invite(ch, gateway)
	}
	if text, ok := ch.get("originate_timeout"); ok {
		if d, err := time.ParseDuration(text + "s"); err == nil {
			fs.after(ch, d-time.Duration(fs.rng.IntN(900))*time.Millisecond, func() {
				if !ch.answered {
					fs.hangup(ch, "NO_ANSWER", 0)
				}
			})
		}
	}
	fs.ring(ch, argv[1], len(argv) == 3)
}

// full reports whether a limit of FreeSWITCH's own is reached.
func (fs *FreeSWITCH) full() bool {
	return fs.sps > 0 && fs.rate() >= fs.sps || fs.max > 0 && len(fs.channels) >= fs.max
}

func (fs *FreeSWITCH) rate() int {
	n := 0
	for _, t := range fs.begun {
		if time.Since(t) < time.Second {
			n++
		}
	}
	return n
}

// invite writes down the INVITE: what is in a variable sip_h_… goes out as it
// stands, line ends included.
func (fs *FreeSWITCH) invite(ch *channel, gateway string) {
	inv := Invite{Leg: ch.id, Gateway: gateway, Number: ch.number, Host: ch.host, Headers: map[string][]string{}, At: time.Now()}
	inv.From, _ = ch.get("origination_caller_id_number")
	var text strings.Builder
	for _, v := range ch.vars {
		if name, ok := strings.CutPrefix(v[0], "sip_h_"); ok {
			text.WriteString(name + ": " + strings.Trim(v[1], " ") + "\r\n")
		}
	}
	head, body, _ := strings.Cut(strings.ReplaceAll(text.String(), "\r\n", "\n"), "\n\n")
	inv.Body = body
	for line := range strings.SplitSeq(head, "\n") {
		if name, value, ok := strings.Cut(line, ": "); ok {
			inv.Headers[name] = append(inv.Headers[name], value)
		}
	}
	fs.invites = append(fs.invites, inv)
}

// ring plays the other end until the answer or the refusal.
func (fs *FreeSWITCH) ring(ch *channel, then string, inline bool) {
	t := ch.take
	if ch.kind == "loopback" {
		fs.after(ch, time.Millisecond, func() { fs.answer(ch, then, inline) })
		return
	}
	if fs.opts.Carrier != nil {
		fs.carry(ch, then, inline)
		return
	}
	if t.Deaf {
		return
	}
	wait := t.Ring
	if wait == 0 {
		wait = 5 * time.Millisecond
	}
	fs.after(ch, time.Millisecond, func() {
		ch.replied = true
		switch {
		case t.Early:
			ch.early = true
			fs.emit("CHANNEL_PROGRESS_MEDIA", ch)
			if !ch.ignoreEarly { // taken for an answer, as FreeSWITCH does
				fs.originated(ch, then, inline)
			}
		case t.Status == 0 || t.Status == 200:
			ch.rang = true
			fs.emit("CHANNEL_PROGRESS", ch)
		}
		if t.Never {
			return
		}
		fs.after(ch, wait, func() { // from here: timers do not keep their order under load
			if t.Status != 0 && t.Status != 200 {
				fs.hangup(ch, bySIP[t.Status], t.Status)
				return
			}
			fs.answer(ch, then, inline)
		})
	})
}

// carry lets the carrier place the call.
func (fs *FreeSWITCH) carry(ch *channel, then string, inline bool) {
	ch.hangUp = fs.opts.Carrier.Dial(fs.invites[len(fs.invites)-1], func(status int) {
		fs.mu.Lock()
		defer fs.mu.Unlock()
		if ch.hung || fs.channels[ch.id] != ch {
			return
		}
		ch.replied = true
		switch {
		case status == 180:
			fs.emit("CHANNEL_PROGRESS", ch)
		case status == 183:
			ch.early = true
			fs.emit("CHANNEL_PROGRESS_MEDIA", ch)
			if !ch.ignoreEarly {
				fs.originated(ch, then, inline)
			}
		case status >= 200 && status < 300:
			fs.answer(ch, then, inline)
		case status >= 300:
			ch.hangUp = nil
			fs.hangup(ch, bySIP[status], status)
		case status == 0:
			ch.hangUp = nil
			fs.hangup(ch, "NORMAL_CLEARING", 200)
		}
	})
}

func (fs *FreeSWITCH) answer(ch *channel, then string, inline bool) {
	ch.answered = true
	early := fs.perhaps(8) // the job's end overtakes
	tell := func() { fs.emit("CHANNEL_ANSWER", ch) }
	if !early {
		tell()
	}
	if app, ok := ch.get("execute_on_answer"); ok && app == "avmd_start" {
		fs.startAVMD(ch)
	}
	if ch.originating {
		fs.originated(ch, then, inline)
	}
	if early {
		tell()
	}
	if ch.take.Stay > 0 && fs.opts.Carrier == nil {
		fs.after(ch, ch.take.Stay, func() { fs.hangup(ch, "NORMAL_CLEARING", 200) })
	}
}

// originated is the success of an originate: its job ends, and the leg goes
// where it was to go, wherever it was sent meanwhile.
func (fs *FreeSWITCH) originated(ch *channel, then string, inline bool) {
	wait := time.Millisecond
	if fs.perhaps(30) {
		wait = time.Duration(fs.rng.IntN(60)) * time.Millisecond
	}
	fs.after(ch, wait, func() {
		ch.originating = false
		fs.unbridge(ch)
		done := ch.job
		ch.job = nil
		result := "+OK " + ch.id + "\n"
		first := !fs.perhaps(50)
		if first {
			done(result)
		}
		if inline {
			fs.inline(ch, strings.Split(then, ","))
		} else {
			fs.run(ch, strings.TrimSuffix(strings.TrimPrefix(then, "&"), "()"))
		}
		if !first {
			done(result)
		}
	})
}

// inline runs applications one after the other.
func (fs *FreeSWITCH) inline(ch *channel, apps []string) {
	if len(apps) == 0 {
		fs.hangup(ch, "NORMAL_CLEARING", 0)
		return
	}
	name, _, _ := strings.Cut(apps[0], ":")
	variable, known := fs.opts.Detectors[name]
	if !known {
		fs.run(ch, name)
		return
	}
	ch.app = name
	fs.after(ch, 30*time.Millisecond, func() {
		if ch.app != name {
			return // it was moved
		}
		verdict := ch.take.Verdict
		if verdict == "" {
			verdict = "NOTSURE"
		}
		ch.set(variable, verdict)
		fs.inline(ch, apps[1:])
	})
}

// run runs an application on a leg.
func (fs *FreeSWITCH) run(ch *channel, app string) {
	app, arg, _ := strings.Cut(app, ":")
	ch.app = app
	switch app {
	case "park":
		fs.emit("CHANNEL_PARK", ch)
	case "hangup":
		fs.hangup(ch, "NORMAL_CLEARING", 0)
	case "bridge":
		fs.dialplanBridge(ch, arg)
	case "says": // a bot that is dialplan: variables, and it hangs up
		for pair := range strings.SplitSeq(arg, "&") {
			if name, value, ok := strings.Cut(pair, "="); ok {
				ch.set(name, value)
			}
		}
		fs.after(ch, 100*time.Millisecond, func() { fs.hangup(ch, "NORMAL_CLEARING", 0) })
	case "event": // likewise: an event, and it stays
		fields := []string{"Event-Subclass", "ringback::analysis"}
		for pair := range strings.SplitSeq(arg, "&") {
			if name, value, ok := strings.Cut(pair, "="); ok {
				fields = append(fields, name, value)
			}
		}
		fs.emit("CUSTOM", ch, fields...)
	default:
		fs.emit("CHANNEL_EXECUTE", ch, "Application", app)
	}
}

// dialplanBridge is the application bridge: a leg with the variables that are
// exported, and when it answers, both are joined.
func (fs *FreeSWITCH) dialplanBridge(ch *channel, dial string) {
	var b strings.Builder
	b.WriteString("{ignore_early_media=true")
	exported, _ := ch.get("export_vars")
	for name := range strings.SplitSeq(exported, ",") {
		if v, ok := ch.get(name); ok && name != "" {
			// All of it is what a header may hold: nothing to escape but this.
			b.WriteString("," + strings.TrimPrefix(name, "_nolocal_") + "=" + strings.NewReplacer(`=`, `\=`).Replace(v))
		}
	}
	b.WriteString("}")
	fs.originate(b.String()+dial+" &hold()", func(result string) {
		id, ok := strings.CutPrefix(strings.TrimSpace(result), "+OK ")
		other := fs.channels[id]
		if ch.hung || ch.app != "bridge" {
			if other != nil {
				fs.hangup(other, "ORIGINATOR_CANCEL", 0)
			}
			return
		}
		if !ok || other == nil {
			fs.hangup(ch, "NORMAL_CLEARING", 0)
			return
		}
		fs.after(ch, time.Millisecond, func() { fs.bridge(ch, other); ch.app = "bridge" })
	})
}

// hangup ends a leg, and tells it in one of the recorded orders.
func (fs *FreeSWITCH) hangup(ch *channel, cause string, status int) {
	if ch.hung {
		return
	}
	ch.hung, ch.cause, ch.status = true, cause, status
	ch.stop()
	if ch.hangUp != nil {
		ch.hangUp()
	}
	done := ch.job
	ch.job = nil
	job := func() {
		if done != nil {
			done("-ERR " + cause + "\n")
		}
	}
	complete := func() { fs.emit("CHANNEL_HANGUP_COMPLETE", ch) }
	gone := func() {
		ch.destroyed = true
		if fs.channels[ch.id] == ch {
			delete(fs.channels, ch.id)
			for i, id := range fs.names {
				if id == ch.id {
					fs.names = append(fs.names[:i:i], fs.names[i+1:]...)
					break
				}
			}
		}
		fs.emit("CHANNEL_DESTROY", ch)
	}
	swapped := fs.perhaps(10)
	if !swapped {
		fs.emit("CHANNEL_HANGUP", ch)
	}
	fs.unbridge(ch)
	if fs.perhaps(25) || status == 0 && cause == "NO_ANSWER" {
		job()
		complete()
	} else {
		complete()
		job()
	}
	if swapped {
		fs.emit("CHANNEL_HANGUP", ch)
	}
	gone()
}

// bridge joins two legs.
func (fs *FreeSWITCH) bridge(a, b *channel) {
	fs.unbridge(a)
	fs.unbridge(b)
	a.peer, b.peer, a.caller, b.caller = b, a, true, false
	a.set("bridge_uuid", b.id)
	b.set("bridge_uuid", a.id)
	a.app = "" // it no longer runs park
	wait := time.Millisecond
	fs.after(a, wait, func() {
		if a.peer == b {
			fs.emit("CHANNEL_BRIDGE", a, "Bridge-A-Unique-ID", a.id, "Bridge-B-Unique-ID", b.id)
		}
	})
}

// unbridge takes a leg out of its bridge. The other one parks or hangs up, as
// its variables say; the one called hangs up unless told to park.
func (fs *FreeSWITCH) unbridge(ch *channel) {
	other := ch.peer
	if other == nil {
		return
	}
	ch.peer, other.peer = nil, nil
	caller, callee := ch, other
	if other.caller {
		caller, callee = other, ch
	}
	fs.emit("CHANNEL_UNBRIDGE", caller, "Bridge-A-Unique-ID", caller.id, "Bridge-B-Unique-ID", callee.id)
	ch.set("bridge_uuid", "")
	other.set("bridge_uuid", "")
	if other.hung {
		return
	}
	if other.is("park_after_bridge") {
		fs.run(other, "park")
	} else {
		fs.hangup(other, "NORMAL_CLEARING", 0)
	}
}

// startAVMD listens for a beep. Every event of mod_avmd comes twice, first
// without the channel's data.
func (fs *FreeSWITCH) startAVMD(ch *channel) {
	ch.avmd = true
	custom := func(subclass string, pairs ...string) {
		pairs = append([]string{"Event-Subclass", subclass, "Unique-ID", ch.id, "Call-command", "avmd"}, pairs...)
		fs.send(fs.event("CUSTOM", nil, pairs...))
		fs.send(fs.event("CUSTOM", ch, pairs...))
	}
	custom("avmd::start")
	if ch.take.Beep > 0 {
		fs.after(ch, ch.take.Beep, func() {
			if ch.avmd {
				custom("avmd::beep", "Beep-Status", "DETECTED", "Frequency", "995.054793")
			}
		})
	}
}
