package config

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A Problem is one thing wrong with the configuration.
type Problem struct { //nolint:errname // it is what people call it, and what is printed as such
	Where string // "ringback.yaml:12" or "RINGBACK_HTTP_LISTEN"; empty: nobody set it
	Key   string // "campaigns.diwali.retry_delay"; empty: the file as a whole
	Got   string // what came; a secret never
	Want  string // what would be right
}

func (p *Problem) Error() string {
	s := fmt.Sprintf("got %s; want %s", p.Got, p.Want)
	if p.Key != "" {
		s = p.Key + ": " + s
	}
	if p.Where != "" {
		s = p.Where + ": " + s
	}
	return s
}

// Problems returns the problems that err consists of, those of a file in the
// order of its lines.
func Problems(err error) []*Problem {
	all := problems(err)
	slices.SortStableFunc(all, func(a, b *Problem) int {
		fileA, lineA, _ := strings.Cut(a.Where, ":")
		fileB, lineB, _ := strings.Cut(b.Where, ":")
		if fileA != fileB {
			return 0
		}
		x, _ := strconv.Atoi(lineA) // a variable has no line, and all its problems are on one
		y, _ := strconv.Atoi(lineB)
		return x - y
	})
	return all
}

func problems(err error) []*Problem {
	if err == nil {
		return nil
	}
	if p := (*Problem)(nil); errors.As(err, &p) {
		if list, ok := err.(interface{ Unwrap() []error }); ok {
			var all []*Problem
			for _, e := range list.Unwrap() {
				all = append(all, problems(e)...)
			}
			return all
		}
		return []*Problem{p}
	}
	return []*Problem{{Got: err.Error(), Want: "a configuration that can be read"}}
}
