// Package asterisk holds the configuration a user adds to an Asterisk that
// Ringback is to drive: one file for each of Asterisk's own, to paste into the
// file of that name. README.md says what each is for.
//
// The lab (deploy/lab) runs on these very files, with only ports, password and
// addresses replaced, so that what is handed out is what was tested.
package asterisk

import "embed"

// Snippets are the *.conf files, by the name of the Asterisk file they belong to.
//
//go:embed *.conf
var Snippets embed.FS
