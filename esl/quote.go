package esl

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"ringback/dialler"
)

// FreeSWITCH takes commands apart with one function, switch_separate_string,
// called once, or several times one after the other: each pass splits on its
// delimiter, takes quotes off, and undoes \n \r \t \s, \' \" \\ and a
// backslash before the delimiter. originate makes three passes (blank, comma,
// equals sign) over a variable. Quoting a value in '…', as is usual, survives
// one of them: {v='a,b'} makes the variable "a", without a word.

// quote escapes v for one pass that splits on delim (0: on blanks).
func quote(v string, delim byte) string {
	var b strings.Builder
	b.Grow(len(v) + len(v)/4)
	for i := range len(v) {
		switch c := v[i]; {
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\r':
			b.WriteString(`\r`)
		case c == '\t':
			b.WriteString(`\t`)
		case c == ' ':
			b.WriteString(`\s`)
		case c == '\\' || c == '\'' || c == '"' || delim != 0 && c == delim:
			b.WriteByte('\\')
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// Errors of a value that no escaping gets through.
var (
	errExpands  = errors.New("a value with ${ in it is dropped without a word")
	errBraces   = errors.New("a value whose braces do not balance fails the call")
	errNUL      = errors.New("a value cannot hold a zero byte")
	errNoValue  = errors.New("an empty value unsets the variable")
	errVariable = errors.New("not the name of a channel variable")
)

// quoteOriginate escapes v as the value of a variable in originate's {…}.
func quoteOriginate(v string) (string, error) {
	if err := carriable(v); err != nil {
		return "", err
	}
	depth := 0
	for i := range len(v) {
		switch v[i] {
		case '{':
			depth++
		case '}':
			depth--
		}
		if depth < 0 {
			return "", errBraces
		}
	}
	if depth != 0 {
		return "", errBraces
	}
	return quote(quote(quote(v, '='), ','), 0), nil
}

// quoteMulti escapes v as a value for uuid_setvar_multi.
func quoteMulti(v string) (string, error) {
	if err := carriable(v); err != nil {
		return "", err
	}
	return quote(v, ';'), nil
}

// quoteSetvar escapes v as the value for uuid_setvar, which alone takes ${
// for what it is. It is stored as it stands; an application that is later
// given the variable would expand it.
func quoteSetvar(v string) (string, error) {
	if err := carriable(v); err != nil && !errors.Is(err, errExpands) {
		return "", err
	}
	return quote(v, 0), nil
}

func carriable(v string) error {
	switch {
	case v == "":
		return errNoValue
	case strings.IndexByte(v, 0) >= 0:
		return errNUL
	case strings.Contains(v, "${"):
		return errExpands
	}
	return nil
}

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]{0,127}$`)

// braces makes originate's {…}, variables for the legs it creates.
func braces(vars []dialler.Var) (string, error) {
	var b strings.Builder
	for i, v := range vars {
		value, err := quoteOriginate(v.Value)
		if !variableName.MatchString(v.Name) {
			err = errVariable
		}
		if err != nil {
			return "", fmt.Errorf("variable %.60q: %w", v.Name, err)
		}
		b.WriteByte("{,"[min(i, 1)])
		b.WriteString(v.Name)
		b.WriteByte('=')
		b.WriteString(value)
	}
	b.WriteByte('}')
	return b.String(), nil
}

// setvars makes the commands that set vars on a leg. FreeSWITCH takes 64
// variables in one uuid_setvar_multi, and makes the rest a part of the last.
func setvars(leg string, vars []dialler.Var) ([]string, error) {
	const most = 32
	var commands []string
	for len(vars) > 0 {
		n := min(len(vars), most)
		parts := make([]string, n)
		for i, v := range vars[:n] {
			value, err := quoteMulti(v.Value)
			if !variableName.MatchString(v.Name) {
				err = errVariable
			}
			if err != nil {
				return nil, fmt.Errorf("variable %.60q: %w", v.Name, err)
			}
			parts[i] = v.Name + "=" + value
		}
		commands = append(commands, "uuid_setvar_multi "+leg+" "+strings.Join(parts, ";"))
		vars = vars[n:]
	}
	return commands, nil
}
