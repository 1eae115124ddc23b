// Package aritest is an Asterisk for tests: it speaks ARI's wire (HTTP and
// WebSocket), plays the people and the bots that are called, and misbehaves.
//
//	pbx := aritest.Start(aritest.Options{Seed: 7})
//	defer pbx.Close()
//	sw, err := ari.New(ari.Options{URL: pbx.URL, Password: pbx.Password})
//
// The order of its events, its errors and their words are those of Asterisk
// 22.10.1, as far as package ari looks at them. What it does beyond that is in
// [Faults], each of which can be switched off: it loses the event link in
// mid-call, tells events twice and late, answers 5xx before or after it has
// obeyed, answers late, or with half of the JSON, or with a 409 that is not
// true. A run is repeated by its seed, as far as the network allows.
package aritest
