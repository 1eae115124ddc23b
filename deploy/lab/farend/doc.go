// Package farend plays the people at the other end of the trunk, and the voice bot: a
// SIP user agent on one UDP port of loopback, with RTP beside it. `cmd/farend` is the
// same as a program.
//
// # Customers
//
// The last two digits of a number say what becomes of a call to it ([PhoneBook]):
//
//	00  answers and talks
//	01  busy: 486
//	02  rings and is never answered: 180 until CANCEL, then 487
//	03  rejects: 603
//	04  unallocated: 404
//	05  congestion: 503
//	06  early media, then busy: 183, 486
//	07  answers and hangs up at once
//	08  voicemail: a long greeting, a beep
//	09  answers, and is silent
//	10  rings for 3 s, then answers and talks
//	11  nothing there: no reply to INVITE
//	12  busy the first time, then answers
//	13  not answered the first time, then answers
//	14  busy twice, then answers
//	15  voicemail: a short greeting, a beep
//	16  answers, and not one RTP packet comes
//	17  early media, then answers and talks: 183, 200
//	18  answers, and hangs up after 300 ms
//	19  congestion the first time, then answers: 503, 200
//	30  temporarily unavailable: 480
//	31  forbidden: 403
//	32  request timeout: 408
//	33  gone: 410
//	34  address incomplete: 484
//	35  not acceptable here: 488
//	36  server error: 500
//	37  bad gateway: 502
//	38  busy everywhere: 600
//	39  rejected: 608
//	40  asks to be rung "ek minute baad" (driving), talks the second time
//	41  asks "ek minute baad" every time
//	42  asks "ek minute baad"; busy when rung back; then answers
//	43  asks "ek minute baad"; voicemail when rung back
//	44  asks "ek minute baad"; hangs up at once when rung back
//	45  asks "ek minute baad"; busy ever after
//	46  asks "kal subah" (in a meeting)
//	47  asks to be rung back and names no time
//	48  asks "एक मिनट बाद", with a reason full of commas, quotes and line ends
//	49  asks "ek minute baad"; the analysis comes twice
//	50  asks "ek minute baad"; the analysis comes before the hang-up
//	51  asks "ek minute baad"; the analysis comes 5 s late
//	52  talks, and no analysis ever comes
//	53  asks "ek minute baad"; not answered when rung back; then answers
//	54  says "later" without asking to be rung: callback_requested is false
//
// Any other number answers and talks. [Options.Who] gives a number another [Person].
//
// # The bot
//
// A user part that starts with bot is the bot: it answers at once, talks for
// [Options.BotTalk], hangs up, and posts the analysis that the customer's number calls
// for to POST /v1/calls/{X-Ringback-Call-Id}/analysis. bot-busy, bot-down (503),
// bot-slow (never answers), bot-deaf (no reply) and bot-drops (hangs up at once) are
// bots in trouble.
//
// # What it remembers
//
// [Record] has every INVITE with its headers in order, and what became of it, by times
// that can be compared: [Record.Wait] for tests that need not sleep, [Record.Overlaps]
// for the promise that no number ever has two live calls, a journal of JSON lines for
// audits that outlive a process.
//
// # How it is built
//
//	hear.go       sees each datagram first: numbers with nobody there, CANCEL
//	leg.go        one dialog (RFC 3261 §12) on sipgo's transactions
//	customer.go   a call as a customer takes it; phonebook.go who they are
//	bot.go        a call as the bot takes it; post.go delivers the analyses
//	media.go      RTP of all calls over one socket; audio.go what is heard
//	record.go     the memory
package farend
