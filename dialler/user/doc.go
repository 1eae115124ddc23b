// Package user says who may use Ringback, and for what.
//
// Somebody who asks is one of these:
//
//   - a [User] of the store, who signs in to the console with a name and a
//     password, or whose programs have a [Token] of theirs;
//   - the holder of a token of the configuration (http.tokens), who is there
//     before the first user is: an operator, on the console too.
//
// A [Door] tells which, and makes a [Who] of it, whose [Role] allows it to look,
// to change things, or to manage users besides:
//
//	          look   change   manage   console
//	operator  yes    yes      yes      yes
//	api       yes    yes      –        –
//	viewer    yes    –        –        yes
//
// What is not allowed by the table is refused: the console and the API ask it
// of every request by its method, so that a page that is new is closed to a
// viewer before anybody thought of it.
//
// Whoever has the console may also change their own password there, having given
// the one they have. Once there is an operator who can sign in there always is
// one: the store refuses to remove the last, or to give them another role
// ([ErrLast]), so that nobody who manages locks everybody out.
//
// # What is kept
//
// Of a password its argon2id hash, of a session and a token the SHA-256 digest:
// both are 256 random bits, so that there is nothing to guess and no salt is
// needed. Whoever reads the store can sign in as nobody. A session is looked up
// at every request, with its user's role as it is now: to remove a user, or to
// give them another role or password, takes effect at once, on every node.
//
// # Limits
//
// Signing in, and giving one's password to change it, is limited by name and
// address together, and by address alone: a wrong password costs a turn, a right
// one gives it back. Requests of a token are limited by token. See [Limits].
package user
