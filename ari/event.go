package ari

import (
	"encoding/json"
	"fmt"
	"time"

	asterisk "github.com/CyCoreSystems/ari/v6"
)

// An event is what Asterisk said over the WebSocket, as far as a call is
// moved by it. The library's own decoding would cost a second and a third
// pass over each message, drops the events it does not know, and has no
// tech_cause; its types of channels, bridges and playbacks are used here.
type event struct {
	Type      string            `json:"type"`
	Timestamp asterisk.DateTime `json:"timestamp"`

	Channel  *asterisk.ChannelData  `json:"channel"`  // whom it is about
	Peer     *asterisk.ChannelData  `json:"peer"`     // Dial: who is being dialled
	Caller   *asterisk.ChannelData  `json:"caller"`   // Dial: on whose behalf; none if by ARI
	Bridge   *asterisk.BridgeData   `json:"bridge"`   // ChannelEnteredBridge, ChannelLeftBridge
	Playback *asterisk.PlaybackData `json:"playback"` // PlaybackFinished

	Args        []string       `json:"args"`         // StasisStart
	DialStatus  string         `json:"dialstatus"`   // Dial: "", RINGING, PROGRESS, ANSWER, BUSY, …
	EventName   string         `json:"eventname"`    // ChannelUserevent
	UserEvent   map[string]any `json:"userevent"`    // its fields, eventname among them
	DialplanApp string         `json:"dialplan_app"` // ChannelDialplan

	// ChannelDestroyed: cause is Q.850's, tech_cause the SIP status.
	// ChannelHangupRequest: likewise if the far end hung up; if somebody
	// here did, soft is set and cause holds flags (softHangup…).
	Cause     int    `json:"cause"`
	CauseText string `json:"cause_txt"`
	TechCause int    `json:"tech_cause"`
	Soft      bool   `json:"soft"`
}

// Flags of a local hang-up (include/asterisk/channel.h, AST_SOFTHANGUP_*).
const (
	softShutdown = 1 << 2 // "core restart now" and the like
	softExplicit = 1 << 5 // ARI's DELETE, and the timeout of ARI's dial
)

// unwanted are the events Asterisk is told not to send: nine of the sixteen
// that a call makes, and nothing is learnt from them.
var unwanted = []string{asterisk.Events.ChannelVarset, asterisk.Events.ChannelConnectedLine}

var heard = map[string]bool{
	"StasisStart": true, "StasisEnd": true, "Dial": true, "ChannelStateChange": true,
	"ChannelHangupRequest": true, "ChannelDestroyed": true, "ChannelEnteredBridge": true,
	"ChannelLeftBridge": true, "ChannelDialplan": true, "ChannelUserevent": true,
	"PlaybackFinished": true, "ApplicationReplaced": true,
}

// decode reads one message. It returns nil for a message of no interest, and
// an error for one that is not whole: then nobody knows what was lost.
func decode(message []byte) (*event, error) {
	e := new(event)
	if err := json.Unmarshal(message, e); err != nil {
		return nil, fmt.Errorf("event cannot be read: %w: %.80q", err, message)
	}
	if !heard[e.Type] {
		return nil, nil
	}
	return e, nil
}

// at is when it happened by Asterisk's clock, or now if it does not say.
func (e *event) at() time.Time {
	if t := time.Time(e.Timestamp); !t.IsZero() {
		return t
	}
	return time.Now()
}

// States of a channel.
const (
	stateDown    = "Down"
	stateRinging = "Ringing"
	stateUp      = "Up"
)
