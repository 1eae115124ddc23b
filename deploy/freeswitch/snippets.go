// Package freeswitch holds the configuration a user adds to a FreeSWITCH that
// Ringback is to drive, one file for each place it goes to. README.md says what
// each is for.
package freeswitch

import "embed"

// Snippets are the *.xml files.
//
//go:embed *.xml
var Snippets embed.FS
