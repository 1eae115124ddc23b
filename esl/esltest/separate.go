package esltest

import "strings"

// Separate takes a string apart as switch_separate_string does: it splits on
// delim (0: on blanks) outside quotes, into most parts, and cleans each. A
// single quote only counts as one if another follows.
func Separate(s string, delim byte, most int) []string {
	var parts []string
	blanks := delim == 0
	if blanks {
		delim = ' '
	}
	for i := 0; i < len(s) && len(parts) < most; {
		if blanks {
			for i < len(s) && s[i] == ' ' {
				i++
			}
			if i == len(s) {
				break
			}
		}
		if len(parts) == most-1 { // the last takes what is left
			parts = append(parts, s[i:])
			break
		}
		start, quoted := i, false
		for ; i < len(s) && (s[i] != delim || quoted); i++ {
			switch {
			case s[i] == '\\' && i+1 < len(s):
				i++
			case s[i] == '\'' && (quoted || strings.IndexByte(s[i+1:], '\'') >= 0):
				quoted = !quoted
			}
		}
		parts = append(parts, s[start:i])
		i++
	}
	if blanks {
		delim = 0
	}
	for i := range parts {
		parts[i] = clean(parts[i], delim)
	}
	return parts
}

// clean takes quotes and the blanks around a part off, and undoes escapes.
func clean(s string, delim byte) string {
	s = strings.TrimLeft(s, " ")
	out := make([]byte, 0, len(s))
	end, quoted := 0, false // end: up to where the part is kept
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '\\' && i+1 < len(s) {
			if u, ok := escaped(s[i+1], delim); ok {
				out = append(out, u)
				end = len(out)
				i++
				continue
			}
		}
		if c == '\'' && (quoted || strings.IndexByte(s[i+1:], '\'') >= 0) {
			quoted = !quoted
			if quoted {
				end = len(out)
			}
			continue
		}
		out = append(out, c)
		if c != ' ' || quoted {
			end = len(out)
		}
	}
	return string(out[:end])
}

// escaped is what a backslash before c stands for, if for anything.
func escaped(c, delim byte) (byte, bool) {
	switch {
	case c == '\'' || c == '"' || c == '\\' || delim != 0 && c == delim:
		return c, true
	case c == 'n':
		return '\n', true
	case c == 'r':
		return '\r', true
	case c == 't':
		return '\t', true
	case c == 's':
		return ' ', true
	}
	return 0, false
}

// Brackets takes "{a=b,c=d}rest" apart as originate does: the variables, and
// the rest. ok is false if the brackets do not balance. Later ones win.
func Brackets(s string, open, shut byte) (vars [][2]string, rest string, ok bool) {
	for len(s) > 0 && s[0] == open {
		depth, end := 0, -1
		for i := 0; i < len(s); i++ {
			if s[i] == open {
				depth++
			} else if s[i] == shut {
				if depth--; depth == 0 {
					end = i
					break
				}
			}
		}
		if end < 0 {
			return nil, "", false
		}
		for _, pair := range Separate(s[1:end], ',', 1024) {
			if kv := Separate(pair, '=', 2); len(kv) == 2 {
				vars = append(vars, [2]string{kv[0], kv[1]})
			}
		}
		s = strings.TrimLeft(s[end+1:], " ")
	}
	return vars, s, true
}

// expands reports whether a variable with that value is dropped.
func expands(v string) bool { return strings.Contains(v, "${") }
