package esltest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// Encode encodes a header's value as a plain event has it. What looks encoded
// already, a per cent sign and two hex digits in upper case, is left alone,
// which is why plain events are lossy.
func Encode(v string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(v) {
		c := v[i]
		safe := c > ' ' && c < 0x7f && !strings.ContainsRune("#%&+:;<=>?@[\\]^`{|}\"", rune(c))
		if c == '%' && i+2 < len(v) && strings.IndexByte(hex, v[i+1]) >= 0 && strings.IndexByte(hex, v[i+2]) >= 0 {
			safe = true
		}
		if safe {
			b.WriteByte(c)
		} else {
			b.WriteString("%" + string(hex[c>>4]) + string(hex[c&15]))
		}
	}
	return b.String()
}

// An Event is what FreeSWITCH tells: headers in order, and a body.
type Event struct {
	Headers [][2]string
	Body    string
}

// Get returns a header.
func (e *Event) Get(name string) string {
	for _, h := range e.Headers {
		if strings.EqualFold(h[0], name) {
			return h[1]
		}
	}
	return ""
}

func (e *Event) add(pairs ...string) {
	for i := 0; i+1 < len(pairs); i += 2 {
		e.Headers = append(e.Headers, [2]string{pairs[i], pairs[i+1]})
	}
}

// Plain is the frame of an event in the plain format.
func (e *Event) Plain() []byte {
	var b bytes.Buffer
	for _, h := range e.Headers {
		fmt.Fprintf(&b, "%s: %s\n", h[0], Encode(h[1]))
	}
	if e.Body != "" {
		fmt.Fprintf(&b, "Content-Length: %d\n\n%s", len(e.Body), e.Body)
	} else {
		b.WriteByte('\n')
	}
	return fmt.Appendf(nil, "Content-Length: %d\nContent-Type: text/event-plain\n\n%s", b.Len(), b.Bytes())
}

// JSON is the frame of an event in the JSON format.
func (e *Event) JSON() []byte {
	var b bytes.Buffer
	b.WriteByte('{')
	seen := map[string]bool{}
	add := func(name, value string) {
		if seen[name] {
			return
		}
		seen[name] = true
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		n, _ := json.Marshal(name) // strings do marshal
		v, _ := json.Marshal(value)
		b.Write(n)
		b.WriteByte(':')
		b.Write(v)
	}
	for _, h := range e.Headers {
		add(h[0], h[1])
	}
	if e.Body != "" {
		add("Content-Length", fmt.Sprint(len(e.Body)))
		add("_body", e.Body)
	}
	b.WriteByte('}')
	return fmt.Appendf(nil, "Content-Length: %d\nContent-Type: text/event-json\n\n%s", b.Len(), b.Bytes())
}
