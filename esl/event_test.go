package esl

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/textproto"
	"net/url"
	"strings"
	"testing"
	"time"

	"ringback/esl/esltest"
)

// bodies are the bodies of the plain events of a transcript.
func bodies(t testing.TB, sent []byte) [][]byte {
	t.Helper()
	var all [][]byte
	fr := newFrameReader(bytes.NewReader(sent))
	for {
		f, err := fr.next()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			return all
		}
		if string(f.get("Content-Type")) == typeEvent {
			all = append(all, bytes.Clone(f.body))
		}
	}
}

// The headers of every recorded event, decoded and encoded again as
// FreeSWITCH does, are the bytes that came.
func TestDecodesTheTranscriptsByteForByte(t *testing.T) {
	events := 0
	for name, sent := range transcripts(t) {
		for _, body := range bodies(t, sent) {
			events++
			var b strings.Builder
			rest, ok := eachLine(body, func(line []byte) {
				name, value, _ := cutHeader(line)
				fmt.Fprintf(&b, "%s: %s\n", name, esltest.Encode(unescape(value)))
			})
			b.WriteByte('\n')
			b.Write(rest)
			if !ok || b.String() != string(body) {
				t.Errorf("%s: event of %d bytes comes out as %d bytes", name, len(body), b.Len())
			}
			if _, err := (decoder{}).decode(body); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if events < 260 {
		t.Errorf("only %d events were looked at", events)
	}
}

// What eslgo reads of an event, we read.
func TestReadsWhatTheLibraryReads(t *testing.T) {
	for name, sent := range transcripts(t) {
		for _, body := range bodies(t, sent) {
			e, err := decoder{}.decode(body)
			if err != nil {
				t.Fatal(err)
			}
			h, err := textproto.NewReader(bufio.NewReader(bytes.NewReader(body))).ReadMIMEHeader()
			if err != nil {
				t.Fatal(err)
			}
			for header, got := range map[string]string{
				"Event-Name": e.name, "Event-Subclass": e.subclass, "Core-UUID": e.core, "Unique-ID": e.leg,
				"Answer-State": e.state, "Hangup-Cause": e.cause, "Job-UUID": e.job,
			} {
				if want, _ := url.PathUnescape(h.Get(header)); got != want {
					t.Errorf("%s: %s: got %q, want %q", name, header, got, want)
				}
			}
			if q := h.Get("variable_hangup_cause_q850"); q != "" && fmt.Sprint(e.q850) != q {
				t.Errorf("%s: Q.850 %d, want %s", name, e.q850, q)
			}
		}
	}
}

// Every header that decode reads gets past the glance, and arrives.
func TestAGlanceDropsNothingThatMatters(t *testing.T) {
	const body = "Event-Name: CUSTOM\nEvent-Subclass: avmd%3A%3Abeep\nCore-UUID: c\nEvent-Date-Timestamp: 1795324112268068\n" +
		"Unique-ID: u\nAnswer-State: answered\nCaller-Channel-Answered-Time: 1795324112268068\nBridge-A-Unique-ID: a\nBridge-B-Unique-ID: b\n" +
		"variable_ringback_app: app\nvariable_ringback_call: call\nvariable_ringback_leg: leg\nHangup-Cause: USER_BUSY\n" +
		"variable_hangup_cause_q850: 17\nvariable_sip_term_status: 486\nvariable_sip_reply_host: h\nJob-UUID: j\n" +
		"variable_amd_result: machine\nContent-Length: 3\n\nabc"
	e, err := decoder{verdict: "variable_amd_result"}.decode([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	e.at = e.at.UTC()
	got := fmt.Sprintf("%+v", e)
	want := fmt.Sprintf("%+v", event{
		name: "CUSTOM", subclass: beep, core: "c", at: time.UnixMicro(1795324112268068).UTC(), leg: "u", state: "answered", talked: true,
		bridge: [2]string{"a", "b"}, app: "app", call: "call", own: "leg", verdict: "machine", cause: "USER_BUSY", q850: 17, status: 486,
		replied: true, job: "j", result: []byte("abc"),
	})
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	e, err = decoder{}.decode([]byte("Event-Name: X\nvariable_sip_network_ip: 127.0.0.1\n\n"))
	if err != nil || !e.replied {
		t.Errorf("a peer that replied is not seen: %+v, %v", e, err)
	}
}

func TestRefusesWhatIsNoEvent(t *testing.T) {
	for _, in := range []string{"", "Event-Name: X\n", "A: b\n\n", "Event-Name: X\nContent-Length: 5\n\nabc", "\n"} {
		if e, err := (decoder{}).decode([]byte(in)); !errors.Is(err, errFrame) {
			t.Errorf("%q: got %+v, %v; want errFrame", in, e, err)
		}
	}
}

func FuzzEvent(f *testing.F) {
	for _, sent := range transcripts(f) {
		for i, b := range bodies(f, sent) {
			if i < 4 {
				f.Add(b)
			}
		}
	}
	f.Add([]byte("Event-Name: %zz%4\nUnique-ID: %2\n\n"))
	f.Add([]byte("Event-Name: X\nContent-Length: 9999999999\n\nabc"))
	f.Fuzz(func(t *testing.T, body []byte) {
		before := bytes.Clone(body)
		e, err := decoder{verdict: "variable_amd_result"}.decode(body)
		if !bytes.Equal(before, body) {
			t.Fatal("the body was changed")
		}
		if err != nil {
			return
		}
		if e.name == "" || len(e.result) > len(body) || e.q850 < 0 || e.status < 0 {
			t.Fatalf("%+v", e)
		}
	})
}

// FreeSWITCH's encoding is undone, for every value that has no encoding of
// its own in it (see event).
func FuzzUnescape(f *testing.F) {
	for _, v := range []string{"", "a b", "कल सुबह, 10 बजे", "50% off", "a%2cb", "\r\n\x00\xff", "${x}", "%"} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, v string) {
		for i := range len(v) {
			if v[i] == '%' && hexAt([]byte(v), i+1) >= 0 && hexAt([]byte(v), i+2) >= 0 {
				t.Skip("lossy by nature")
			}
		}
		if got := unescape([]byte(esltest.Encode(v))); got != v {
			t.Fatalf("%q comes back as %q", v, got)
		}
	})
}
