package push

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"ringback/dialler"
)

// Limits of a webhook's fields.
const (
	maxURL     = 2000
	maxMapping = 64 << 10
)

// Check says what is wrong with a webhook, a [*dialler.FieldError] for each
// field.
func Check(w dialler.Webhook) error {
	var errs []error
	if err := checkURL(w.URL); err != nil {
		errs = append(errs, err)
	}
	if _, err := key(w.Secret); err != nil {
		errs = append(errs, err)
	}
	for _, kind := range w.Events {
		if !slices.Contains(dialler.MessageKinds, kind) {
			errs = append(errs, &dialler.FieldError{Field: "events", Got: strconv.Quote(kind), Want: strings.Join(dialler.MessageKinds, ", ")})
		}
	}
	if w.Events != nil && len(w.Events) == 0 {
		errs = append(errs, &dialler.FieldError{Field: "events", Got: "none", Want: "at least one, or turn the webhook off"})
	}
	if _, err := parse(w.Mapping); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func checkURL(s string) error {
	u, err := url.Parse(s)
	if err != nil || len(s) > maxURL || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil || u.Fragment != "" {
		return &dialler.FieldError{Field: "url", Got: strconv.Quote(clean(s)), Want: "https://host/path, without user or password"}
	}
	return nil
}

// parse reads a mapping: a JSON object whose strings are templates. nil is the
// empty mapping.
func parse(mapping string) (map[string]any, error) {
	bad := func(got, want string) error { return &dialler.FieldError{Field: "mapping", Got: got, Want: want} }
	if strings.TrimSpace(mapping) == "" {
		return nil, nil
	}
	if len(mapping) > maxMapping {
		return nil, bad(fmt.Sprintf("%d bytes", len(mapping)), fmt.Sprintf("at most %d", maxMapping))
	}
	d := json.NewDecoder(strings.NewReader(mapping))
	d.UseNumber()
	var v any
	err := d.Decode(&v)
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("there is more after its end")
		}
	}
	if err != nil {
		return nil, bad(place(mapping, err), `a JSON object such as {"phone": "{{contact.number}}"}`)
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, bad("JSON that is no object", `an object such as {"phone": "{{contact.number}}"}`)
	}
	if err := each(m, func(s string) error {
		_, err := split(s)
		return err
	}); err != nil {
		return nil, bad(err.Error(), "{{ and a name and }}")
	}
	return m, nil
}

// place says where JSON goes wrong.
func place(text string, err error) string {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		before := text[:min(int(syntax.Offset), len(text))]
		return fmt.Sprintf("no JSON at line %d: %v", 1+strings.Count(before, "\n"), err)
	}
	return "no JSON: " + err.Error()
}

// each calls f with every string of a mapping that is a template.
func each(v any, f func(string) error) error {
	switch v := v.(type) {
	case string:
		return f(v)
	case []any:
		for _, e := range v {
			if err := each(e, f); err != nil {
				return err
			}
		}
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			if err := each(v[k], f); err != nil {
				return err
			}
		}
	}
	return nil
}

// A part of a template is text, or a name.
type part struct {
	text string
	name bool
}

// split takes a template apart.
func split(s string) (parts []part, err error) {
	for s != "" {
		text, rest, found := strings.Cut(s, "{{")
		if text != "" {
			parts = append(parts, part{text: text})
		}
		if !found {
			break
		}
		name, after, closed := strings.Cut(rest, "}}")
		name = strings.TrimSpace(name)
		if !closed || name == "" || strings.Contains(name, "{{") {
			return nil, fmt.Errorf("%s, which has no name or no end", strconv.Quote("{{"+clean(rest)))
		}
		parts = append(parts, part{name, true})
		s = after
	}
	return parts, nil
}

// A Warning is about a name of a mapping that stands for nothing. It is an
// empty string in what is sent.
type Warning struct {
	Name string
	Says string
}

// Render writes the body of a message by a mapping. A string that is one name
// and no more becomes what the name stands for, be it a number or an object;
// in other strings values are written as text. The empty mapping writes all
// there is.
//
// The warnings are about names that stand for nothing here, in the order of
// the mapping's keys.
func Render(mapping string, f Facts) ([]byte, []Warning, error) {
	m, err := parse(mapping)
	if err != nil {
		return nil, nil, err
	}
	var warnings []Warning
	var v any
	if m == nil {
		event, _ := f.lookup("result.event")
		at, _ := f.lookup("result.at")
		v = map[string]any{"type": event, "timestamp": at, "data": f}
	} else {
		v = fill(m, f, &warnings)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, nil, fmt.Errorf("write the body: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), warnings, nil
}

func fill(v any, f Facts, warnings *[]Warning) any {
	switch v := v.(type) {
	case string:
		return fillString(v, f, warnings)
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = fill(e, f, warnings)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for _, k := range slices.Sorted(maps.Keys(v)) {
			out[k] = fill(v[k], f, warnings)
		}
		return out
	}
	return v
}

func fillString(s string, f Facts, warnings *[]Warning) any {
	parts, _ := split(s) // parse has looked
	var b strings.Builder
	for _, p := range parts {
		if !p.name {
			b.WriteString(p.text)
			continue
		}
		v, ok := f.lookup(p.text)
		if says := doubt(p.text, ok); says != "" && !slices.ContainsFunc(*warnings, func(w Warning) bool { return w.Name == p.text }) {
			*warnings = append(*warnings, Warning{p.text, says})
		}
		if ok && len(parts) == 1 {
			return v
		}
		if ok {
			b.WriteString(text(v))
		}
	}
	return b.String()
}

// text is a value within a string.
func text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	}
	b, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(b)
}

// doubt says what is wrong with a name, or "" if nothing is: a call that was
// not answered has no call.answered_at, and that is as it should be.
func doubt(name string, found bool) string {
	if found {
		return ""
	}
	for _, n := range Names {
		if n.Name == name {
			return ""
		}
		if prefix, ok := strings.CutSuffix(n.Name, "*"); ok && strings.HasPrefix(name, prefix) {
			return "not in this example; it is an empty string wherever it is missing."
		}
	}
	if near := nearest(name); near != "" {
		return fmt.Sprintf("there is no such name; did you mean %s?", near)
	}
	if column, ok := strings.CutPrefix(name, "contact."); ok {
		return fmt.Sprintf("there is no such name; a column of the list is contact.variables.%s.", column)
	}
	return "there is no such name; those there are begin with call., contact., analysis., callback. or result., and are listed on the campaign's Webhook page."
}

// nearest is a name with the same last part, or the same first.
func nearest(name string) string {
	last := name[strings.LastIndex(name, ".")+1:]
	for _, n := range Names {
		if strings.HasSuffix(n.Name, "."+last) {
			return n.Name
		}
	}
	return ""
}
