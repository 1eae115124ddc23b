// Package dialler rings the people on a campaign's list, and rings those first
// who asked for it.
//
// # One call, from list to settlement
//
//  1. The [Loop] learns what is due: the store says when the next contact is
//     ([Work].NextDue), a timer is set to that moment, and [Ledger].Wake tells
//     of anything sooner. There is no tick.
//  2. The [Pacer]s say how many calls may start; [Ledger].Lease takes that
//     many contacts, due callbacks before pending before retries, and writes
//     an attempt down for each in the same transaction (promise I2).
//  3. At the moment of dialling [Clearance].Refuse looks once more: lease,
//     exclusion, campaign, window (I6). Then [Switch].Originate.
//  4. Every event of the call moves one state machine ([call]), which one
//     goroutine owns: ringing, answer, screening, bot, hang-up.
//  5. [Ledger].Settle writes the outcome and what it makes of the contact:
//     [Record.Settle], a pure function.
//  6. The bot platform's analysis comes, before, at or long after the hang-up;
//     [Record.Hear] looks at both gates and makes the promise.
//
// # A contact's life
//
//	pending ───────────┐                       ┌─ conversation held ───────▶ completed ──┐
//	callback_scheduled ┼─ lease ─▶ dialling ───┼─ no tries left ───────────▶ exhausted   │ analysis
//	retry_scheduled ───┘               │       ├─ callback, machine ───────▶ machine     │ asks for a
//	        ▲     ▲                    │       ├─ callback, no bot ────────▶ abandoned   │ callback
//	        │     └── ordinary, failed ┘       │                                         │
//	        └──────── a callback stays one ────┘      callback_scheduled ◀───────────────┘
//	any waiting state ─ single day ends ─▶ window_closed
//	any waiting state ─ stop / exclude ──▶ stopped / excluded
//	callback_scheduled ─ cancelled by hand ▶ stopped
//	retry_scheduled ─ dial now ──▶ pending, ahead of the list
//
// # Where things are
//
// The nouns: campaign.go, contact.go, attempt.go, number.go, window.go, node.go.
// The decisions, which are pure and take the time as an argument: record.go,
// intervene.go, lifecycle.go, hours.go, pacer.go, call.go. The contracts with
// the world: lease.go and roster.go (the store), switch.go (the switch). The
// effects: loop.go (what runs), dial.go (who is rung next), ring.go (one call),
// sweep.go (what a crash left behind), heart.go (what other nodes see of this
// one, and what is left of one that died).
package dialler
