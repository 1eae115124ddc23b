// Package lab runs a real Asterisk beside the project, for tests, the demo and the
// benchmarks.
//
//  1. install.sh (or [Install]) puts Asterisk into a root of its own, once: `make setup`.
//     [Root] says where that is, [Require] skips a test when it is not there.
//  2. [Start] makes an instance: a folder with its own configuration, run, spool and
//     log directories inside that root, ports nobody else has, a random ARI password.
//     The configuration is that of deploy/asterisk, what we hand a user, plus the
//     carrier and the routes a user has already (conf/).
//  3. The trunk, PJSIP/…@trunk, and the bot, PJSIP/bot, lead to the far end
//     (deploy/lab/farend), whose last digits pick what becomes of a call.
//  4. [Asterisk.Stop], [Asterisk.Kill] and [Asterisk.Restart] are what an operator
//     or an accident does; [Asterisk.Close] ends the instance and removes its folder.
//
// Any number of instances run side by side, of one process or of many. An instance
// dies with the process that started it; should one be left behind all the same, the
// next Start clears it away.
//
// It needs Linux and root, since Asterisk is run by chroot.
package lab
