// Package esl drives FreeSWITCH over its event socket
// (mod_event_socket, "ESL"). [Switch] is a [dialler.Switch].
//
// # One call, from originate to hang-up
//
//  1. [Switch.Run] makes two connections: one for commands (commands, in
//     command.go, says what of eslgo is used for it), and one for events, read in
//     order. The event connection asks for the events in subscription, and by
//     filters for those of our own calls only. LinkUp.
//  2. [Switch.Originate] sends "bgapi originate" with the call's ID as the name
//     of the job and of the leg. "api originate" would block the connection.
//  3. CHANNEL_PROGRESS is Ringing, CHANNEL_PROGRESS_MEDIA EarlyMedia;
//     CHANNEL_ANSWER, CHANNEL_PARK or the end of the job, whichever comes
//     first, is Up. The leg waits in park.
//  4. Screening, if asked for: mod_avmd, or a detector of the operator's.
//  5. [Switch.Connect]. A bot that is an endpoint: a second originate, with the
//     context as sip_h_X-Ringback-* and RINGBACK_* on it, its ID made from the
//     call's; once it has answered too, uuid_bridge; CHANNEL_BRIDGE is Joined. A
//     bot that is an extension: uuid_setvar_multi on the customer leg, then
//     uuid_transfer.
//  6. CHANNEL_HANGUP_COMPLETE of the bot leg is BotLeft, the customer leg stays
//     (park_after_bridge); that of the customer leg is HungUp.
//
// # What a value goes through
//
// Numbers are "+" and digits. What a customer said, or a contact list has,
// travels in variables only: percent-encoded in RINGBACK_* and in headers,
// and in RINGBACK_CONTEXT as JSON in ASCII that has no "${" and no brace of its
// own in a string. It never is an argument of sendmsg or of an application, for
// these expand ${…}, function calls included. See quote.go for the escaping.
//
// # After a gap, after a restart
//
// A link that is lost is a LinkDown; calls go on. When it is back, [Switch.Find]
// asks for a leg by its ID, and for that of its bot, which is made from it.
// [Switch.Live] finds our calls by account code and mark. Whether FreeSWITCH was
// shut down or only its event socket reloaded, it says in the same words; which
// it was is known when it is asked for its core_uuid again.
package esl
