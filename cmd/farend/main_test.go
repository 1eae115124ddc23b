package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestRun starts the program, sends one INVITE to nobody, and finds it on the page and
// in the journal.
func TestRun(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	journal := filepath.Join(t.TempDir(), "journal")
	out, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := run(ctx, options{Addr: "127.0.0.1:0", HTTP: "127.0.0.1:0", Journal: journal}, w)
		_ = w.Close()
		done <- err
	}()
	said := bufio.NewScanner(out)
	find := func(pattern string) string {
		t.Helper()
		if !said.Scan() {
			t.Fatalf("it ended: %v", <-done)
		}
		m := regexp.MustCompile(pattern).FindStringSubmatch(said.Text())
		if m == nil {
			t.Fatalf("it says %q, want %s", said.Text(), pattern)
		}
		return m[1]
	}
	sip, page := find(`SIP at ([0-9.:]+);`), find(`(http://\S+/calls)`)

	conn, err := net.Dial("udp", sip)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := fmt.Fprintf(conn, "INVITE sip:9811@%[1]s SIP/2.0\r\nVia: SIP/2.0/UDP %[2]s;branch=z9hG4bKa\r\nFrom: <sip:me@%[2]s>;tag=a\r\n"+
		"To: <sip:9811@%[1]s>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n", sip, conn.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	var calls []struct{ Number string }
	for len(calls) == 0 {
		if ctx.Err() != nil {
			t.Fatal("the call is not on the page")
		}
		res, err := http.Get(page)
		if err != nil {
			t.Fatal(err)
		}
		err = json.NewDecoder(res.Body).Decode(&calls)
		_ = res.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Millisecond)
	}
	if calls[0].Number != "9811" {
		t.Errorf("the page has %+v", calls)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	text, err := os.ReadFile(journal)
	if err != nil || !strings.Contains(string(text), `"what":"invite"`) {
		t.Errorf("the journal has %q (%v)", text, err)
	}
}

func TestPhoneBook(t *testing.T) {
	var out strings.Builder
	if err := run(t.Context(), options{PhoneBook: true}, &out); err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`(?m)^…01  busy: 486$`).MatchString(out.String()) {
		t.Errorf("it prints %s", out.String())
	}
}
