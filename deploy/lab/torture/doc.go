// Package torture holds the test that everything goes wrong in: three ringback
// nodes as processes of their own, two real Asterisks, one real Postgres, and
// customers and bots on real SIP, while nodes are killed and frozen, Postgres
// and Asterisk restarted, and the wires between them cut, stalled, slowed and
// lost, all drawn from a seed. Then an audit compares what reached the far end
// with what the database says. See docs/lab.md.
package torture
