// Package demo is ringback demo: a campaign of thirty simulated customers, rung
// through a real Asterisk over real SIP, told line by line.
//
//  1. The lab's Asterisk is installed if it is not there, and an instance of it
//     started on free ports of loopback (package lab).
//  2. The far end plays the customers and the bot (package farend). The last two
//     digits of a number say how its owner takes calls; cast.go is the list.
//  3. A whole ringback process is started (package serve) with a store of its own,
//     and the campaign with it.
//  4. story.go tells what happens. When nobody but the customer who said "kal
//     subah" is waited for, the campaign is stopped.
//  5. verdict.go looks at what the store, and the far end's own record, say of
//     everybody. If the story did not come true, the demo fails and says where.
package demo
