package aritest

import (
	"fmt"
	"net/http"
	"sort"
	"strconv"
	"strings"
	"time"
)

// handle adds the requests of ARI that package ari makes.
func (s *Server) handle(mux *http.ServeMux) {
	type handler func(http.ResponseWriter, *http.Request)
	add := func(pattern string, h handler) {
		method, path, _ := strings.Cut(pattern, " ")
		mux.HandleFunc(method+" /ari/"+path, func(w http.ResponseWriter, r *http.Request) {
			s.mu.Lock()
			defer s.mu.Unlock()
			h(w, r)
		})
	}
	onChannel := func(pattern string, h func(http.ResponseWriter, *http.Request, *channel)) {
		add(pattern, func(w http.ResponseWriter, r *http.Request) {
			ch := s.channels[r.PathValue("id")]
			if ch == nil {
				message(w, http.StatusNotFound, "Channel not found")
				return
			}
			h(w, r, ch)
		})
	}
	inStasis := func(pattern string, h func(http.ResponseWriter, *http.Request, *channel)) {
		onChannel(pattern, func(w http.ResponseWriter, r *http.Request, ch *channel) {
			if !ch.stasis {
				message(w, http.StatusConflict, "Channel not in Stasis application")
				return
			}
			h(w, r, ch)
		})
	}

	add("GET asterisk/info", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, 200, map[string]any{
			"system": map[string]string{"version": "22.10.1", "entity_id": "02:00:00:00:00:01"},
			"status": map[string]string{
				"startup_time":     s.started.Format("2006-01-02T15:04:05.000-0700"),
				"last_reload_time": s.started.Format("2006-01-02T15:04:05.000-0700"),
			},
		})
	})
	add("PUT applications/{app}/eventFilter", s.filter)
	add("POST applications/{app}/subscription", s.subscribe)
	add("POST events/user/{name}", func(w http.ResponseWriter, r *http.Request) {
		application, name := r.URL.Query().Get("application"), r.PathValue("name")
		if s.apps[application] == nil {
			message(w, http.StatusNotFound, "Application not found")
			return
		}
		s.emit(application, map[string]any{"type": "ChannelUserevent", "eventname": name, "userevent": map[string]any{"eventname": name}})
		answer(w, 204, nil)
	})
	add("GET endpoints/{tech}/{resource}", func(w http.ResponseWriter, r *http.Request) {
		resource := r.PathValue("resource")
		if r.PathValue("tech") != "PJSIP" || resource != "trunk" && resource != "bot" {
			message(w, http.StatusNotFound, "Endpoint not found")
			return
		}
		answer(w, 200, map[string]any{"technology": "PJSIP", "resource": resource, "state": "online", "channel_ids": []string{}})
	})
	add("GET deviceStates/{device}", func(w http.ResponseWriter, r *http.Request) {
		exten, context, _ := strings.Cut(strings.TrimPrefix(r.PathValue("device"), "Local/"), "@")
		state := "INVALID"
		if exists(context, exten) {
			state = "NOT_INUSE"
		}
		answer(w, 200, map[string]string{"name": r.PathValue("device"), "state": state})
	})

	add("GET channels", func(w http.ResponseWriter, _ *http.Request) {
		out := []any{}
		for _, id := range sortedKeys(s.channels) {
			out = append(out, s.channels[id].json())
		}
		answer(w, 200, out)
	})
	add("POST channels/create", s.create)
	onChannel("GET channels/{id}", func(w http.ResponseWriter, _ *http.Request, ch *channel) { answer(w, 200, ch.json()) })
	onChannel("DELETE channels/{id}", func(w http.ResponseWriter, r *http.Request, ch *channel) {
		reason, err := strconv.Atoi(r.URL.Query().Get("reason_code"))
		if err != nil {
			reason = 16
		}
		s.hangUp(ch, reason)
		answer(w, 204, nil)
	})
	inStasis("POST channels/{id}/dial", func(w http.ResponseWriter, r *http.Request, ch *channel) {
		if ch.dialled {
			message(w, http.StatusConflict, "Channel is already dialled")
			return
		}
		seconds, _ := strconv.Atoi(r.URL.Query().Get("timeout"))
		s.dial(ch, time.Duration(seconds)*time.Second)
		answer(w, 204, nil)
	})
	inStasis("POST channels/{id}/continue", func(w http.ResponseWriter, r *http.Request, ch *channel) {
		q := r.URL.Query()
		s.dialplan(ch, q.Get("context"), q.Get("extension"))
		answer(w, 204, nil)
	})
	onChannel("POST channels/{id}/variable", func(w http.ResponseWriter, r *http.Request, ch *channel) {
		var body struct{ Variable, Value string }
		if !readBody(w, r, &body) {
			return
		}
		if body.Variable == "" {
			message(w, http.StatusBadRequest, "Variable name is required")
			return
		}
		ch.vars[body.Variable] = body.Value
		answer(w, 204, nil)
	})
	inStasis("POST channels/{id}/play", func(w http.ResponseWriter, r *http.Request, ch *channel) {
		s.serial++
		p := map[string]any{
			"id": fmt.Sprint("playback-", s.serial), "media_uri": r.URL.Query().Get("media"), "target_uri": "channel:" + ch.id, "state": "done",
		}
		s.after(50*time.Millisecond, func() {
			if !ch.gone && ch.heard {
				s.emit(ch.app, map[string]any{"type": "PlaybackFinished", "playback": p})
			}
		})
		answer(w, 201, p)
	})

	add("GET bridges", func(w http.ResponseWriter, _ *http.Request) {
		out := []any{}
		for _, id := range sortedKeys(s.bridges) {
			out = append(out, s.bridges[id].json())
		}
		answer(w, 200, out)
	})
	add("POST bridges/{id}", func(w http.ResponseWriter, r *http.Request) {
		id := r.PathValue("id")
		if s.bridges[id] == nil {
			s.bridges[id] = &bridge{id: id}
		}
		s.bridges[id].name = r.URL.Query().Get("name")
		answer(w, 200, s.bridges[id].json())
	})
	add("GET bridges/{id}", func(w http.ResponseWriter, r *http.Request) {
		if b := s.bridges[r.PathValue("id")]; b != nil {
			answer(w, 200, b.json())
			return
		}
		message(w, http.StatusNotFound, "Bridge not found")
	})
	add("DELETE bridges/{id}", func(w http.ResponseWriter, r *http.Request) {
		b := s.bridges[r.PathValue("id")]
		if b == nil {
			message(w, http.StatusNotFound, "Bridge not found")
			return
		}
		for _, ch := range append([]*channel(nil), b.channels...) {
			s.leaveBridge(ch)
		}
		delete(s.bridges, b.id)
		answer(w, 204, nil)
	})
	add("POST bridges/{id}/addChannel", s.addChannel)
}

func (s *Server) filter(w http.ResponseWriter, r *http.Request) {
	var body struct{ Disallowed []struct{ Type string } }
	if !readBody(w, r, &body) {
		return
	}
	a := s.apps[r.PathValue("app")]
	if a == nil {
		message(w, http.StatusNotFound, "Application not found")
		return
	}
	clear(a.mute)
	for _, d := range body.Disallowed {
		a.mute[d.Type] = true
	}
	answer(w, 200, map[string]any{"name": a.name})
}

func (s *Server) subscribe(w http.ResponseWriter, r *http.Request) {
	a := s.apps[r.PathValue("app")]
	if a == nil {
		message(w, http.StatusNotFound, "Application not found")
		return
	}
	id, ok := strings.CutPrefix(r.URL.Query().Get("eventSource"), "channel:")
	ch := s.channels[id]
	if !ok || ch == nil {
		message(w, http.StatusUnprocessableEntity, "Event source does not exist.")
		return
	}
	ch.heard = true
	answer(w, 200, map[string]any{"name": a.name, "channel_ids": []string{id}})
}

func (s *Server) create(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	var body struct{ Variables map[string]string }
	if !readBody(w, r, &body) {
		return
	}
	conn, _ := r.Context().Value(connKey{}).(*connection)
	const exists = "Channel with given unique ID already exists"
	id := q.Get("channelId")
	for other := range s.channels { // a prefix is taken for the whole
		if strings.HasPrefix(strings.ToLower(other), strings.ToLower(id)) {
			if conn != nil {
				conn.sticky = true
			}
			message(w, http.StatusConflict, exists)
			return
		}
	}
	if s.dice.hit(s.faults.Lie) && (s.o.Where == nil || s.o.Where("POST", "channels/create")) {
		message(w, http.StatusConflict, exists)
		return
	}
	user, bot, t, ok := lookUp(q.Get("endpoint"))
	if !ok {
		if conn != nil && conn.sticky {
			message(w, http.StatusConflict, exists)
			return
		}
		answer(w, http.StatusInternalServerError, map[string]string{"error": "Allocation failed"})
		return
	}
	s.serial++
	ch := &channel{
		id: id, name: fmt.Sprintf("PJSIP/x-%08x", s.serial), app: q.Get("app"), state: "Down", heard: true,
		vars: body.Variables, created: stamp(), user: user, bot: bot, take: t, account: body.Variables["CHANNEL(accountcode)"],
	}
	if ch.vars == nil {
		ch.vars = map[string]string{}
	}
	if a := q.Get("appArgs"); a != "" {
		ch.args = strings.Split(a, ",")
	}
	s.channels[id] = ch
	// Its thread starts by and by: now and then before the answer is read.
	s.after(s.dice.upTo(2*time.Millisecond), func() { s.enterStasis(ch, ch.args) })
	answer(w, 200, ch.json())
}

func (s *Server) addChannel(w http.ResponseWriter, r *http.Request) {
	b := s.bridges[r.PathValue("id")]
	if b == nil {
		message(w, http.StatusNotFound, "Bridge not found")
		return
	}
	var chs []*channel
	for _, id := range strings.Split(r.URL.Query().Get("channel"), ",") {
		ch := s.channels[id]
		switch {
		case ch == nil:
			message(w, http.StatusBadRequest, "Channel not found")
			return
		case !ch.stasis:
			message(w, http.StatusUnprocessableEntity, "Channel not in Stasis application")
			return
		}
		chs = append(chs, ch)
	}
	for _, ch := range chs {
		s.enterBridge(b, ch)
	}
	answer(w, 204, nil)
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
