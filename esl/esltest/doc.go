// Package esltest is a FreeSWITCH that speaks the wire of mod_event_socket,
// for tests. What it says, and in which order, was recorded from a real one
// (1.11.2, see ../testdata); where that one surprises, this one does too:
//
//   - It takes commands apart as FreeSWITCH does, pass after pass, so that a
//     value that was escaped for one pass too few arrives in pieces. A value
//     with ${ in it is dropped, an unbalanced brace fails the call, and
//     uuid_setvar_multi takes 64 variables.
//   - In an "event plain" line every name after CUSTOM is a subclass.
//   - "api originate" blocks its connection.
//   - A leg that is moved before its originate is over is put back to park.
//   - A duplicate live ID is refused on sofia, and on loopback becomes a second
//     call under another ID.
//   - A line end in sip_h_… makes another header of the INVITE.
//
// Unless [Options].Calm is set it also misbehaves as real ones do under load,
// in a way that the seed picks: frames come in pieces, CUSTOM events twice and
// others now and then, BACKGROUND_JOB before or long after the leg's end,
// CHANNEL_HANGUP_COMPLETE before CHANNEL_HANGUP, Event-Sequence out of order, and
// replies late. [FreeSWITCH.Cut], Reload, Shutdown, Kill and Start are what
// happens to it.
package esltest
