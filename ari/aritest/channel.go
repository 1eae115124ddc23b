package aritest

import (
	"fmt"
	"strings"
	"time"

	"ringback/dialler"
)

// A channel is one leg.
type channel struct {
	id, name string
	app      string
	args     []string
	state    string
	stasis   bool
	heard    bool // the application gets its events
	gone     bool
	dialled  bool
	account  string
	vars     map[string]string
	place    [2]string // of the dialplan: context, extension
	runs     [2]string // application and its arguments
	bridge   *bridge
	created  string
	user     string
	bot      bool
	take     take
	call     *Call
	partner  *channel // whom the dialplan's Dial brought
}

type bridge struct {
	id, name string
	channels []*channel
}

func (ch *channel) json() map[string]any {
	number := ch.vars["CALLERID(num)"]
	return map[string]any{
		"id": ch.id, "name": ch.name, "state": ch.state, "accountcode": ch.account, "creationtime": ch.created, "language": "en",
		"caller":    map[string]string{"name": "", "number": number},
		"connected": map[string]string{"name": "", "number": ch.vars["CONNECTEDLINE(num)"]},
		"dialplan": map[string]any{
			"context": ch.place[0], "exten": ch.place[1], "priority": 1, "app_name": ch.runs[0], "app_data": ch.runs[1],
		},
		"channelvars": ch.shown(),
	}
}

// shown are the variables that ari.conf names in channelvars.
func (ch *channel) shown() map[string]string {
	out := map[string]string{}
	for _, name := range append([]string{"RINGBACK_CALL_ID"}, dialler.AnalysisVariables...) {
		out[name] = ch.vars[name]
	}
	return out
}

func (b *bridge) json() map[string]any {
	ids := []string{}
	for _, ch := range b.channels {
		ids = append(ids, ch.id)
	}
	return map[string]any{
		"id": b.id, "name": b.name, "technology": "simple_bridge", "bridge_type": "mixing", "bridge_class": "stasis",
		"creator": "Stasis", "channels": ids, "creationtime": stamp(),
	}
}

// tell emits an event of a channel to whoever hears it.
func (s *Server) tell(ch *channel, kind string, more map[string]any) {
	if !ch.heard {
		return
	}
	e := map[string]any{"type": kind}
	for k, v := range more {
		e[k] = v
	}
	if kind == "Dial" {
		e["peer"] = ch.json()
	} else {
		e["channel"] = ch.json()
	}
	s.emit(ch.app, e)
}

// enterStasis is the application's turn. With nobody there the channel ends.
func (s *Server) enterStasis(ch *channel, args []string) {
	if ch.gone {
		return
	}
	if a := s.apps[ch.app]; a == nil {
		s.destroy(ch, 0, 0, "Unknown")
		return
	}
	ch.stasis, ch.heard = true, true
	ch.runs = [2]string{"Stasis", strings.Join(append([]string{ch.app}, args...), ",")}
	s.tell(ch, "StasisStart", map[string]any{"args": args})
}

// goBack is the dialplan's way back to the application. With nobody there Stasis()
// fails, and is tried again.
func (s *Server) goBack(ch *channel, args []string, tries int) {
	if s.apps[ch.app] == nil && tries > 0 && !ch.gone {
		ch.runs = [2]string{"Wait", "0.5"}
		s.after(500*time.Millisecond, func() { s.goBack(ch, args, tries-1) })
		return
	}
	s.enterStasis(ch, args)
}

// dial calls whoever is there.
func (s *Server) dial(ch *channel, timeout time.Duration) {
	ch.dialled = true
	s.ring(ch)
	if timeout > 0 {
		s.after(timeout, func() {
			if ch.state != "Up" && !ch.gone {
				s.tell(ch, "ChannelHangupRequest", map[string]any{"cause": 32, "soft": true})
				s.destroy(ch, 19, 480, "User alerting, no answer")
			}
		})
	}
}

// ring is the far end's part of a dial.
func (s *Server) ring(ch *channel) {
	s.tell(ch, "Dial", map[string]any{"dialstatus": "", "dialstring": ch.user})
	ch.call = &Call{Bot: ch.bot, Number: ch.user, From: ch.vars["CONNECTEDLINE(num)"], Live: true, Fields: headers(ch)}
	s.calls = append(s.calls, ch.call)
	t, pause := ch.take, s.o.Ring
	if ch.bot && t.status == 0 && !t.never {
		pause = time.Millisecond
	}
	s.after(pause, func() {
		switch {
		case ch.gone:
			return
		case t.early:
			s.tell(ch, "Dial", map[string]any{"dialstatus": "PROGRESS"})
		case t.status == 0:
			ch.state = "Ringing"
			s.tell(ch, "ChannelStateChange", nil)
			s.tell(ch, "Dial", map[string]any{"dialstatus": "RINGING"})
		}
		if t.never {
			return
		}
		if t.slow {
			pause = 3 * time.Second
		}
		s.after(pause, func() { s.decide(ch) })
	})
}

func (s *Server) decide(ch *channel) {
	if ch.gone {
		return
	}
	if status := ch.take.status; status != 0 {
		why := causes[status]
		s.tell(ch, "ChannelHangupRequest", map[string]any{"cause": why.q850, "tech_cause": status})
		s.destroy(ch, why.q850, status, why.text)
		return
	}
	ch.state = "Up"
	s.tell(ch, "ChannelStateChange", nil)
	if !s.dice.hit(0.005) { // one answer in two hundred is not told by Dial
		s.tell(ch, "Dial", map[string]any{"dialstatus": "ANSWER"})
	}
	if ch.partner != nil {
		s.met(ch.partner, ch)
	}
	stay := ch.take.stay
	if stay < 0 {
		stay = s.o.Talk
	}
	if stay > 0 {
		s.after(stay, func() {
			if !ch.gone {
				s.tell(ch, "ChannelHangupRequest", nil)
				s.destroy(ch, 16, 0, "Normal Clearing")
			}
		})
	}
}

// destroy ends a channel.
func (s *Server) destroy(ch *channel, q850, sip int, text string) {
	if ch.gone {
		return
	}
	ch.gone = true
	s.leaveBridge(ch)
	if ch.stasis {
		ch.stasis = false
		s.tell(ch, "StasisEnd", nil)
	}
	end := map[string]any{"cause": q850, "cause_txt": text}
	if sip != 0 {
		end["tech_cause"] = sip
	}
	s.tell(ch, "ChannelDestroyed", end)
	delete(s.channels, ch.id)
	if ch.call != nil {
		ch.call.Live = false
	}
	if p := ch.partner; p != nil && !p.gone { // the dialplan's Dial ends both
		if p.call != nil || p.stasis || p.state == "Up" {
			s.destroy(p, 16, 0, "Normal Clearing")
		}
	}
}

func (s *Server) hangUp(ch *channel, reason int) {
	s.tell(ch, "ChannelHangupRequest", map[string]any{"cause": 32, "soft": true})
	if !ch.dialled {
		s.destroy(ch, reason, 603, "Normal Clearing")
		return
	}
	s.destroy(ch, reason, 0, "Normal Clearing")
}

func (s *Server) enterBridge(b *bridge, ch *channel) {
	if ch.bridge == b {
		return
	}
	s.leaveBridge(ch)
	ch.bridge = b
	b.channels = append(b.channels, ch)
	s.tell(ch, "ChannelEnteredBridge", map[string]any{"bridge": b.json()})
}

func (s *Server) leaveBridge(ch *channel) {
	b := ch.bridge
	if b == nil {
		return
	}
	ch.bridge = nil
	for i, other := range b.channels {
		if other == ch {
			b.channels = append(b.channels[:i:i], b.channels[i+1:]...)
			break
		}
	}
	s.tell(ch, "ChannelLeftBridge", map[string]any{"bridge": b.json()})
}

// dialplan is what the extensions of deploy/asterisk do.
func (s *Server) dialplan(ch *channel, context, exten string) {
	s.leaveBridge(ch)
	ch.stasis = false
	s.tell(ch, "StasisEnd", nil)
	ch.place = [2]string{context, exten}
	switch context {
	case "ringback-amd":
		ch.runs = [2]string{"AMD", ""}
		s.tell(ch, "ChannelDialplan", map[string]any{"dialplan_app": "AMD", "dialplan_app_data": ""})
		said := ch.take.amd
		if said == nil {
			said = []string{"HUMAN", "HUMAN-800-800"}
		}
		s.after(100*time.Millisecond, func() { s.goBack(ch, append([]string{"amd"}, said...), 20) })
	case "ringback-bot":
		ch.runs = [2]string{"Dial", "PJSIP/bot,15"}
		s.tell(ch, "ChannelDialplan", map[string]any{"dialplan_app": "Dial", "dialplan_app_data": "PJSIP/bot,15"})
		s.serial++
		bot := &channel{
			id: fmt.Sprintf("1700000000.%d", s.serial), name: fmt.Sprintf("PJSIP/bot-%08x", s.serial), state: "Down",
			vars: map[string]string{}, created: stamp(), user: "bot", bot: true, take: bots["bot"], partner: ch, dialled: true,
		}
		for name, value := range bySnippet(ch.vars) {
			bot.vars["PJSIP_HEADER(add,"+name+")"] = value
		}
		s.channels[bot.id] = bot
		ch.partner = bot
		s.ring(bot)
	case "lab-bots":
		s.tell(ch, "ChannelUserevent", map[string]any{"eventname": "RingbackJoined", "userevent": map[string]any{"eventname": "RingbackJoined"}})
		if exten == "vars" {
			for name, value := range map[string]string{
				"RINGBACK_CALLBACK_REQUESTED": "yes", "RINGBACK_CALLBACK_PREFERRED_TIME_TEXT": "5 %E0%A4%AE%E0%A4%BF%E0%A4%A8%E0%A4%9F",
				"RINGBACK_CALLBACK_CONFIDENCE": "0.8", "RINGBACK_ANALYSIS": `{"mood":"100%","callback_reason":"driving"}`,
			} {
				ch.vars[name] = value
			}
		}
		if exten == "event" {
			s.tell(ch, "ChannelUserevent", map[string]any{"eventname": "RingbackAnalysis", "userevent": map[string]any{
				"eventname": "RingbackAnalysis", "callback_requested": "true", "callback_preferred_time_text": "5%20minutes", "callback_reason": "driving",
			}})
			return
		}
		s.after(100*time.Millisecond, func() { s.destroy(ch, 16, 0, "Normal Clearing") })
	default:
		s.destroy(ch, 0, 0, "Unknown")
	}
}

// met is the answer to the dialplan's Dial.
func (s *Server) met(ch, bot *channel) {
	if ch.gone {
		return
	}
	if ch.heard {
		s.emit(ch.app, map[string]any{"type": "Dial", "dialstatus": "ANSWER", "caller": ch.json(), "peer": bot.json()})
	}
	s.serial++
	b := &bridge{id: fmt.Sprintf("basic-%d", s.serial)}
	s.bridges[b.id] = b
	s.enterBridge(b, ch)
	s.enterBridge(b, bot)
}

// exists says whether the dialplan has an extension.
func exists(context, exten string) bool {
	return (context == "ringback-amd" || context == "ringback-bot") && exten == "s" ||
		context == "lab-bots" && (exten == "vars" || exten == "event" || exten == "silent")
}

// headers are what PJSIP_HEADER(add,…) has put on a leg.
func headers(ch *channel) map[string][]string {
	out := map[string][]string{}
	for name, value := range ch.vars {
		if h, ok := strings.CutPrefix(name, "PJSIP_HEADER(add,"); ok {
			h = strings.TrimSuffix(h, ")")
			// As Asterisk does: a line end in a value makes a header.
			lines := strings.Split(h+": "+value, "\r\n")
			for _, line := range lines {
				n, v, _ := strings.Cut(line, ": ")
				out[n] = append(out[n], v)
			}
		}
	}
	return out
}

// bySnippet is what the context ringback-bot-headers makes of variables.
func bySnippet(vars map[string]string) map[string]string {
	names := strings.Split("Call-Id&Campaign&Campaign-Id&Contact-Id&Number&Attempt&Class&Callback-Phrase&Callback-Reason&"+
		"Callback-Requested-At&Callback-Scheduled-At&Callback-Chain&Callback-Attempt&Callback-Asked-On&Truncated&"+vars["RINGBACK_HEADERS"], "&")
	out := map[string]string{}
	for _, n := range names {
		if v := vars["RINGBACK_"+strings.ToUpper(strings.ReplaceAll(n, "-", "_"))]; n != "" && v != "" {
			out["X-Ringback-"+n] = v
		}
	}
	return out
}
