// Package serve is the whole Ringback process, as something that can be started
// and stopped: by the command line, by a demo, and by a test on port 0.
//
//	store ─▶ listen ─▶ declare ─▶ switches ─▶ loop ─▶ HTTP
//
// [Start] goes from left to right and, when something fails, takes back what it
// had done. [Process.Stop] first drains: no new call is begun, those in
// progress may end by themselves for as long as the configuration allows, and
// the API goes on answering, since their analyses arrive now. Then everything is
// taken down from right to left. Calls that are still up stay up on the switch;
// the next start asks after them.
package serve
