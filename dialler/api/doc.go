// Package api is Ringback's HTTP interface: what a bot platform, a CRM and an
// operator's scripts talk to.
//
//  1. [New] makes a handler from a [Store]. It knows nothing of the loop or of
//     any switch: whether those are well it asks Options.Health.
//  2. A request first passes the door (door.go): a panic becomes a 500, the log
//     hears of it, and everything under /v1 needs a bearer token whose holder's
//     role (package user) allows what the method does.
//  3. huma reads path, query and body by the schema that it made of the Go
//     types here, and refuses what does not fit, naming the field. The same
//     schema is served as OpenAPI 3.1 at /openapi.json.
//  4. A handler turns the request into the domain's nouns, asks the store, and
//     answers what the store made of it. The store's methods are transactions,
//     so everything accepted is on disk before its 2xx (I12).
//  5. What goes wrong is answered as application/problem+json (RFC 9457), with
//     an entry in errors for each field: where it is, what came, what would be
//     right (problem.go).
//
// Field names are snake_case, times RFC 3339 in UTC, durations as Go writes
// them ("1m30s"). docs/api.md is the page for people.
package api
