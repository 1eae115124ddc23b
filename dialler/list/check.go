package list

import (
	"fmt"
	"strings"
	"unicode"
)

// Limits of a contact's variables: what a bot can be handed on a SIP leg is
// far less, so this only keeps mistakes and mischief out of the store.
const (
	MaxVariables     = 100
	MaxVariableName  = 64   // bytes
	MaxVariableValue = 4096 // bytes
)

// CheckVariables says which of a contact's variables is not acceptable: the
// field, what came in it, and what would be right.
func CheckVariables(vars map[string]string) (field, value string, err error) {
	if len(vars) > MaxVariables {
		return "variables", fmt.Sprint(len(vars)), fmt.Errorf("%d variables; want at most %d", len(vars), MaxVariables)
	}
	for name, v := range vars {
		switch {
		case name == "" || len(name) > MaxVariableName || strings.IndexFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) >= 0:
			return "variables", name, fmt.Errorf("the name of a variable; want 1 to %d bytes, printable", MaxVariableName)
		case len(v) > MaxVariableValue:
			return "variables." + name, v, fmt.Errorf("%d bytes; want at most %d", len(v), MaxVariableValue)
		}
	}
	return "", "", nil
}
