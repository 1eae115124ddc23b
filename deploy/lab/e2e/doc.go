// Package e2e holds the tests of the whole: the ringback binary, as a process of
// its own, a real Asterisk, and customers and a bot on real SIP. What is asserted
// is what reached the far end, and what the API says of it.
//
// They need the lab (make lab). Each test has an Asterisk, a far end and a
// ringback of its own, and they run side by side.
package e2e
