// Package ari drives Asterisk: a [dialler.Switch] over the Asterisk REST
// Interface.
//
// # One call
//
//  1. [Switch.Run] keeps one WebSocket (link.go) and decodes what comes
//     (event.go). A message that is not whole, a ping without an answer, or
//     another process with our name ends the link; the next brings LinkUp.
//  2. [Switch.Originate] makes the call known, creates its channel and its
//     bridge, waits for StasisStart, and dials (originate.go). Only dial can
//     leave open whether somebody was rung.
//  3. Events move the call (track.go): a map from channel to call, and no
//     goroutine for either. What is to be told goes through a queue without
//     limit to the one goroutine that delivers.
//  4. An answered customer is sent to AMD() and back, if asked (screen.go).
//  5. [Switch.Connect] brings the bot: a leg of its own (connect.go), or an
//     extension of the dialplan (extension.go).
//  6. The end has a cause (cause.go), and what is left of the call is taken
//     down (hangup.go).
//
// [Switch.Find] asks Asterisk what became of a call, and makes it known again,
// whoever placed it (find.go). docs/asterisk.md says what to configure, and
// what was measured.
package ari
