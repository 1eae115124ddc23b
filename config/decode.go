package config

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// decoder fills a Config from YAML nodes, which still know their lines, and
// from the environment. It goes on after a problem, to report them all.
type decoder struct {
	file     string
	where    map[string]string
	problems []error
}

func (d *decoder) bad(where, key, got, want string) {
	d.problems = append(d.problems, &Problem{where, key, got, want})
}

func (d *decoder) at(n *yaml.Node) string { return fmt.Sprintf("%s:%d", d.file, n.Line) }

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

var (
	durationType = reflect.TypeFor[time.Duration]()
	secretType   = reflect.TypeFor[Secret]()
)

// value reads n into v, which stands at path.
func (d *decoder) value(n *yaml.Node, v reflect.Value, path string) {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	d.where[path] = d.at(n)
	empty := n.Kind == yaml.ScalarNode && n.Tag == "!!null"
	switch v.Kind() {
	case reflect.Struct, reflect.Map:
		if empty {
			return
		}
		if n.Kind != yaml.MappingNode {
			d.bad(d.at(n), path, describe(n, v.Type()), "keys and values, indented beneath")
			return
		}
		d.mapping(n, v, path)
	case reflect.Slice:
		items := n.Content
		switch {
		case empty:
			return
		case n.Kind == yaml.ScalarNode: // one is a list of one
			items = []*yaml.Node{n}
		case n.Kind != yaml.SequenceNode:
			d.bad(d.at(n), path, describe(n, v.Type()), "a list")
			return
		}
		list := reflect.MakeSlice(v.Type(), len(items), len(items))
		for i, item := range items {
			d.value(item, list.Index(i), fmt.Sprintf("%s[%d]", path, i))
		}
		v.Set(list)
	default:
		if n.Kind != yaml.ScalarNode || empty {
			d.bad(d.at(n), path, describe(n, v.Type()), want(v.Type()))
			return
		}
		d.scalar(n.Value, v, d.at(n), path)
	}
}

func (d *decoder) mapping(n *yaml.Node, v reflect.Value, path string) {
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, val := n.Content[i], n.Content[i+1]
		key := join(path, k.Value)
		if k.Kind != yaml.ScalarNode || k.Tag == "!!merge" {
			d.bad(d.at(k), key, "a key that is not plain text", "plain keys; \"<<\" is not read")
			continue
		}
		if line, dup := seen[k.Value]; dup {
			d.bad(d.at(k), key, fmt.Sprintf("the key a second time (first on line %d)", line), "each key once")
			continue
		}
		seen[k.Value] = k.Line
		if v.Kind() == reflect.Map {
			if v.IsNil() {
				v.Set(reflect.MakeMap(v.Type()))
			}
			elem := reflect.New(v.Type().Elem()).Elem()
			d.value(val, elem, key)
			v.SetMapIndex(reflect.ValueOf(k.Value), elem)
			continue
		}
		f, ok := field(v, k.Value)
		if !ok {
			d.bad(d.at(k), key, "a key that does not exist", suggest(k.Value, keys(v.Type())))
			continue
		}
		d.value(val, f, key)
	}
}

// scalar reads text into v, which is a string, number, truth or duration.
func (d *decoder) scalar(text string, v reflect.Value, where, path string) {
	d.where[path] = where
	got := strconv.Quote(text)
	if v.Type() == secretType {
		v.SetString(text)
		return
	}
	var ok bool
	switch {
	case v.Type() == durationType:
		var dur time.Duration
		var err error
		dur, err = time.ParseDuration(text)
		ok = err == nil
		v.SetInt(int64(dur))
	case v.Kind() == reflect.String:
		ok = true
		v.SetString(text)
	case v.Kind() == reflect.Bool:
		ok = text == "true" || text == "false"
		v.SetBool(text == "true")
	case v.Kind() == reflect.Int:
		i, err := strconv.Atoi(text)
		ok = err == nil
		v.SetInt(int64(i))
	case v.Kind() == reflect.Float64:
		f, err := strconv.ParseFloat(text, 64)
		ok = err == nil && f == f && f-f == 0 // neither NaN nor infinite
		if ok {
			v.SetFloat(f)
		}
	default:
		panic(fmt.Sprintf("config: %s is a %s, which the decoder does not know", path, v.Type()))
	}
	if !ok {
		d.bad(where, path, got, want(v.Type()))
	}
}

// want says what would be right for a value of type t.
func want(t reflect.Type) string {
	switch {
	case t == durationType:
		return "a duration such as 30s, 15m or 1h30m"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.Int:
		return "a whole number"
	case t.Kind() == reflect.Float64:
		return "a number"
	}
	return "text"
}

// describe says what n is, without giving away what may be a secret.
func describe(n *yaml.Node, t reflect.Type) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "keys and values"
	case yaml.SequenceNode:
		return "a list"
	}
	if n.Tag == "!!null" {
		return "nothing"
	}
	if t == secretType || t.Kind() == reflect.Map && t.Elem() == secretType {
		return "a single value"
	}
	return strconv.Quote(n.Value)
}

// field returns the field of struct v that has key.
func field(v reflect.Value, key string) (reflect.Value, bool) {
	for i := range v.NumField() {
		if tag := v.Type().Field(i).Tag.Get("yaml"); tag == key && tag != "" {
			return v.Field(i), true
		}
	}
	return reflect.Value{}, false
}

// keys returns the keys of struct t in the order in which they are declared.
func keys(t reflect.Type) []string {
	var all []string
	for i := range t.NumField() {
		if tag := t.Field(i).Tag.Get("yaml"); tag != "" {
			all = append(all, tag)
		}
	}
	return all
}

// suggest says what would have been right in place of an unknown key.
func suggest(got string, known []string) string {
	best, least := "", len(got)/2+1
	for _, k := range known {
		if n := distance(got, k); n < least {
			best, least = k, n
		}
	}
	if best != "" {
		return strconv.Quote(best) + "?"
	}
	return "one of " + strings.Join(known, ", ")
}

// distance is how many letters must change to make b of a (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// EnvPrefix begins the name of every variable that is a setting.
const EnvPrefix = "RINGBACK_"

// environment lays vars, without their prefix, over v, and takes those it used
// out of vars.
func (d *decoder) environment(vars map[string]string, v reflect.Value, name, path string) {
	switch {
	case v.Kind() == reflect.Struct:
		// Single values first: http.token_file is not a token named "file".
		for _, nested := range []bool{false, true} {
			for i := range v.NumField() {
				key := v.Type().Field(i).Tag.Get("yaml")
				f := v.Field(i)
				if k := f.Kind(); key != "" && (k == reflect.Struct || k == reflect.Map) == nested {
					d.environment(vars, f, envJoin(name, key), join(path, key))
				}
			}
		}
	case v.Kind() == reflect.Map:
		d.envMap(vars, v, name, path)
	default:
		text, ok := vars[name]
		if !ok {
			return
		}
		delete(vars, name)
		if v.Kind() != reflect.Slice {
			d.scalar(text, v, EnvPrefix+name, path)
			return
		}
		d.where[path] = EnvPrefix + name
		items := strings.Split(text, ",")
		list := reflect.MakeSlice(v.Type(), len(items), len(items))
		for i, item := range items {
			d.scalar(strings.TrimSpace(item), list.Index(i), EnvPrefix+name, fmt.Sprintf("%s[%d]", path, i))
		}
		v.Set(list)
	}
}

// envMap is environment for a map: its entries first, then those that only the
// environment names, in lower case.
func (d *decoder) envMap(vars map[string]string, v reflect.Value, name, path string) {
	elem := v.Type().Elem()
	if elem.Kind() == reflect.Slice {
		return // hours: days have hyphens, which variables cannot have
	}
	set := func(key string) {
		e := reflect.New(elem).Elem()
		if old := v.MapIndex(reflect.ValueOf(key)); old.IsValid() {
			e.Set(old)
		}
		d.environment(vars, e, envJoin(name, key), join(path, key))
		if v.IsNil() {
			v.Set(reflect.MakeMap(v.Type()))
		}
		v.SetMapIndex(reflect.ValueOf(key), e)
	}
	for _, key := range slices.SortedFunc(mapKeys(v), strings.Compare) {
		set(key)
	}
	for _, variable := range slices.Sorted(maps.Keys(vars)) {
		rest, ok := strings.CutPrefix(variable, name+"_")
		if _, left := vars[variable]; !ok || !left || rest == "" {
			continue
		}
		if elem.Kind() == reflect.Struct {
			rest = entryOf(rest, leaves(elem, ""))
		}
		if rest != "" {
			set(strings.ToLower(rest))
		}
	}
}

func mapKeys(v reflect.Value) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for _, k := range v.MapKeys() {
			if !yield(k.String()) {
				return
			}
		}
	}
}

// entryOf takes the longest of the leaves off the end of rest.
func entryOf(rest string, leaves []string) string {
	best := ""
	for _, l := range leaves {
		if strings.HasSuffix(rest, "_"+l) && len(l) > len(best) {
			best = l
		}
	}
	if best == "" {
		return ""
	}
	return strings.TrimSuffix(rest, "_"+best)
}

// leaves are the names, as variables have them, of the single values in t.
func leaves(t reflect.Type, name string) []string {
	if t.Kind() != reflect.Struct {
		if t.Kind() == reflect.Map {
			return nil
		}
		return []string{name}
	}
	var all []string
	for i := range t.NumField() {
		if key := t.Field(i).Tag.Get("yaml"); key != "" {
			all = append(all, leaves(t.Field(i).Type, envJoin(name, key))...)
		}
	}
	return all
}

// envJoin is join for variables: upper case, and "_" for what they cannot hold.
func envJoin(name, key string) string {
	key = strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, strings.ToUpper(key))
	if name == "" {
		return key
	}
	return name + "_" + key
}

// defaults sets what is unset and has a default in its tag. What somebody set,
// to nothing or to zero, is left for Check to look at.
func defaults(v reflect.Value, path string, where map[string]string) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			f, tag := v.Field(i), v.Type().Field(i).Tag
			if tag.Get("yaml") == "" {
				continue
			}
			key := join(path, tag.Get("yaml"))
			if text := tag.Get("default"); text != "" && f.IsZero() && where[key] == "" {
				d := decoder{where: map[string]string{}}
				d.scalar(text, f, "", "")
				if d.problems != nil {
					panic(fmt.Sprintf("config: default of %s: %v", v.Type().Field(i).Name, d.problems))
				}
			}
			defaults(f, key, where)
		}
	case reflect.Map:
		if v.Type().Elem().Kind() != reflect.Struct || v.IsNil() {
			return
		}
		filled := reflect.MakeMap(v.Type()) // the caller's own map is left alone
		for _, k := range v.MapKeys() {
			e := reflect.New(v.Type().Elem()).Elem()
			e.Set(v.MapIndex(k))
			defaults(e, join(path, k.String()), where)
			filled.SetMapIndex(k, e)
		}
		v.Set(filled)
	}
}
