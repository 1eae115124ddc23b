// Package ringback holds no code: it is the top of the module, and its one test
// (house_test.go) keeps the arrows between the packages pointing down.
//
//	callback            what the customer asked and when that is
//	dialler             the domain, the loop, and what it asks of a store and a switch
//	  store/…           what is kept: SQLite embedded, Postgres
//	  api, metrics, …   what people and machines look at it through
//	ari, esl            the switches: Asterisk, FreeSWITCH
//	config              what an operator writes down
//	cmd                 the programs that put these together
//	deploy              what goes beside them: switch snippets, the lab
//
// To read the whole as a tour, begin with package dialler.
package ringback
