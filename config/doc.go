// Package config says what an operator can set: plain structs, one YAML file,
// and the environment on top. It imports nothing else of Ringback, so that it
// can be read, and documented, by itself.
//
//  1. [Load] reads the file into a [Config]. It is strict: a key it does not
//     know, a value of the wrong kind or a key given twice is a [*Problem] that
//     names the line, the key, what came and what would be right. All problems
//     are reported at once.
//  2. The environment goes over it: RINGBACK_ and the key in upper case, its
//     parts joined by "_" (http.listen is RINGBACK_HTTP_LISTEN).
//  3. What is left unset gets its default, which stands in the struct's tag.
//  4. [Config.Check] looks for what cannot work.
//
// The page docs/configuration.md is made from the comments in config.go; a test
// fails when it is not current (go test ./config -update writes it).
package config
