// Package sim lets whole campaigns come true on a made-up switch, in virtual
// time, and audits them: seeds by the thousand, and a dozen stories by hand.
//
// # How a seed becomes a campaign
//
//  1. draw makes a plan of it: trunks, bots, campaigns with their windows and
//     budgets, lists of people (a number may be on several), what the operator
//     will do (pause, stop, restart, exclude, add contacts) and what will go
//     wrong: processes killed, suspended and stopped, links cut, the switch
//     restarted, the store slow, refusing, or losing its answers after it has
//     written. Every third seed or so has no mishaps.
//  2. A world opens on a Thursday at ten in the evening, with an empty [Book]
//     (or any other store), a [Switch] and one or two processes, each a real
//     dialler.Loop. A process reaches store and switch through wires that its
//     killing cuts: what it was about to do does not happen.
//  3. The nth call to a number goes as the seed says for that number and n (a
//     [Part]), whoever places it and when. So a change in one place does not
//     shuffle the luck of everybody else.
//  4. Five hours of their time pass, in some milliseconds of ours: three
//     troubled ones, and two to come to rest.
//  5. The auditor compares the switch's own record of INVITEs with what was
//     written down, as it goes along and in the end. It knows the promises I1
//     to I9 and I11 of the design, and believes neither loop nor store.
//
// # How to replay a seed
//
// A violation prints its seed and the transcript of that evening:
//
//	go test ./dialler/sim -run Seeds -seed 4711
//
// prints it again, violated or not. Chance is all drawn from the seed; the
// order of things that happen at the very same instant is the scheduler's, so
// once in a while it takes a few replays (-count 20) to see a race again.
//
// TestSeeds runs as many seeds as -seeds says, beginning with -first, and
// TestSeedsSQLite runs -sqlite of them on the SQLite store. They are hundreds,
// and under the race detector, where one costs as much as four, a few. "make
// test" runs both; "make sim" runs ten thousand.
//
// # Stories
//
// The files of testdata are evenings made by hand, one for each situation that
// is worth telling: read them to learn what the dialler does. What happens to
// several people at the very same instant is told in the order of their names.
package sim
