// Package callback answers two questions about a customer who said "call me
// later": what did they ask, and when is that.
package callback
