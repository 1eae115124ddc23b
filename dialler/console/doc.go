// Package console is the pages operators work with: campaigns, what happens in
// them, and the whole story of one contact. They are served by the process
// itself, beside the API, and need no build step and nothing from elsewhere.
//
//	browser ── GET page ─────────────▶ html/template, from the store
//	        ◀─ /events (SSE) ───────── [Live]: "campaign 3 has changed"
//	        ── GET page, its part ───▶ the same page without its frame, laid over what is shown
//	        ── POST action ──────────▶ one transition or exclusion, then the page
//
// [Live] is told of all that the loop does, keeps a board of the calls under
// way and tells the browsers which campaigns have changed, no more: what has
// become of them is read from the store by the page itself. A browser that is
// too slow to be told everything is told to look at everything, so nothing is
// queued for it.
//
// Who may sign in, and what they may do, package user says; sessions are in the
// store, and the browser has a cookie that names its own, which scripts cannot
// read and other sites cannot send. Who may only look is shown no action, and is
// refused every method but GET. Every POST carries a token of the session
// besides, and a content security policy lets no script run but ours.
// Customers' words reach a page through html/template only.
package console
