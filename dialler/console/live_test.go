package console_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ringback/dialler"
	"ringback/dialler/console"
)

func happening(kind dialler.HappeningKind, id dialler.CallID, campaign dialler.CampaignID, at time.Time) dialler.Happening {
	return dialler.Happening{Kind: kind, At: at, Lease: dialler.Lease{Attempt: dialler.Attempt{ID: id, Campaign: campaign, Contact: 7, Number: "+919812345601", Class: dialler.ClassPending}}}
}

func news(kind dialler.EventKind, id dialler.CallID, campaign dialler.CampaignID, at time.Time) dialler.Happening {
	h := happening(dialler.HasNews, id, campaign, at)
	h.Event.Kind = kind
	return h
}

// The board follows a call through its stages and forgets it at its end.
func TestBoard(t *testing.T) {
	l := console.NewLive()
	at := morning
	stage := func(want console.Stage, since time.Time) {
		t.Helper()
		calls := l.Calls(3)
		if len(calls) != 1 || calls[0].Stage != want || !calls[0].Since.Equal(since) {
			t.Fatalf("on the board: %+v; want one, %s since %v", calls, want, since)
		}
	}
	l.Observe(news(dialler.Ringing, "never leased", 3, at)) // of a call it has not been told of
	l.Observe(happening(dialler.WasLeased, "a", 3, at))
	l.Observe(happening(dialler.WasLeased, "b", 4, at))
	stage(console.StageDialling, at)
	for _, step := range []struct {
		kind dialler.EventKind
		want console.Stage
		same bool // as before: the clock goes on
	}{
		{dialler.Ringing, console.StageRinging, false}, {dialler.EarlyMedia, console.StageRinging, true}, {dialler.Up, console.StageAnswered, false},
		{dialler.Screened, console.StageScreening, false}, {dialler.Joined, console.StageTalking, false}, {dialler.Joined, console.StageTalking, true},
		{dialler.PlayDone, console.StageTalking, true}, {dialler.BotLeft, console.StageEnding, false},
	} {
		before := at
		at = at.Add(time.Second)
		l.Observe(news(step.kind, "a", 3, at))
		if step.same {
			at = before
		}
		stage(step.want, at)
	}
	for _, end := range []dialler.HappeningKind{dialler.HasSettled, dialler.WasWithdrawn, dialler.LeaseLapsed} {
		l.Observe(happening(dialler.WasLeased, "a", 3, at))
		l.Observe(happening(end, "a", 3, at))
		if left := l.Calls(3); len(left) != 0 {
			t.Errorf("after %s: %+v", end, left)
		}
	}
	adopted := happening(dialler.WasAdopted, "c", 3, at)
	adopted.Lease.Attempt.Joined = at.Add(-time.Minute)
	l.Observe(adopted)
	stage(console.StageTalking, at.Add(-time.Minute))
	if n := len(l.Calls(4)); n != 1 {
		t.Errorf("%d calls of the other campaign", n)
	}
}

// listen reads the events of a stream, as a browser does.
func listen(ctx context.Context, t *testing.T, h *house, base string) (events <-chan string) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/events", nil)
	h.must(err)
	for _, c := range h.cookies {
		r.AddCookie(c)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(r)
	h.must(err)
	if ct := resp.Header.Get("Content-Type"); resp.StatusCode != http.StatusOK || ct != "text/event-stream" {
		t.Fatalf("the stream: %d %s", resp.StatusCode, ct)
	}
	out := make(chan string, 1000)
	go func() {
		defer close(out)
		defer func() { _ = resp.Body.Close() }()
		for s := bufio.NewScanner(resp.Body); s.Scan(); {
			if line := s.Text(); strings.HasPrefix(line, "event: ") {
				s.Scan()
				out <- strings.TrimPrefix(line, "event: ") + " " + strings.TrimPrefix(s.Text(), "data: ")
			} else if strings.HasPrefix(line, "retry: ") {
				out <- "open"
			}
		}
	}()
	return out
}

func next(t *testing.T, events <-chan string) string {
	t.Helper()
	select {
	case e, ok := <-events:
		if !ok {
			return "closed"
		}
		return e
	case <-time.After(30 * time.Second):
		t.Fatal("no event came")
		return ""
	}
}

// Browsers are told which campaigns have changed, once however often; who is
// signed out or too slow is told that; the process's end ends the stream.
func TestStream(t *testing.T) {
	h := newHouse(t).signIn()
	server := httptest.NewServer(h.handler)
	defer server.Close()
	events := listen(t.Context(), t, h, server.URL)
	if e := next(t, events); e != "open" {
		t.Fatal(e)
	}
	h.live.Changed(3)
	if e := next(t, events); e != "change [3]" {
		t.Errorf("told %q", e)
	}
	// While the stream rests, much happens: one event tells it all.
	for range 1000 {
		h.live.Changed(5)
		h.live.Observe(happening(dialler.WasLeased, "a", 4, morning))
	}
	if e := next(t, events); e != "change [4 5]" && e != "change [4,5]" {
		t.Errorf("told %q", e)
	}
	for id := range dialler.CampaignID(40) { // more than are told apart
		h.live.Changed(id)
	}
	if e := next(t, events); e != "refresh {}" {
		t.Errorf("told %q", e)
	}
	h.live.Observe(dialler.Happening{Kind: dialler.LinkChanged, At: morning})
	if e := next(t, events); e != "refresh {}" {
		t.Errorf("told %q", e)
	}
	// An action on a page is told too.
	h.do(h.at("/start"))
	if e := next(t, events); e != fmt.Sprintf("change [%d]", h.campaign.ID) {
		t.Errorf("told %q", e)
	}

	second := listen(t.Context(), t, h, server.URL)
	next(t, second)
	h.do("/sign-out")
	h.live.Changed(3)
	for _, stream := range []<-chan string{events, second} {
		if e := next(t, stream); e != "signed-out {}" {
			t.Errorf("told %q", e)
		}
		if e := next(t, stream); e != "closed" {
			t.Errorf("told %q", e)
		}
	}

	h.signIn()
	third := listen(t.Context(), t, h, server.URL)
	next(t, third)
	h.live.Close()
	if e := next(t, third); e != "closed" {
		t.Errorf("told %q", e)
	}
}

// Streams are bounded, and a place is free again when its browser has gone.
func TestStreamsAreBounded(t *testing.T) {
	h := newHouse(t).signIn()
	server := httptest.NewServer(h.handler)
	defer server.Close()
	ctx, leave := context.WithCancel(t.Context())
	var all []<-chan string
	for range 200 {
		all = append(all, listen(ctx, t, h, server.URL))
	}
	if w := h.ask("GET", "/events", nil); w.Code != 503 {
		t.Errorf("the 201st stream: %d", w.Code)
	}
	leave()
	for _, one := range all {
		for e := next(t, one); e != "closed"; e = next(t, one) { //nolint:revive // until it is
		}
	}
	ctx, again := context.WithTimeout(t.Context(), 2*time.Minute)
	defer again()
	for {
		short, stop := context.WithCancel(ctx)
		code := make(chan int, 1)
		go func() {
			r := httptest.NewRequestWithContext(short, "GET", "/events", nil)
			for _, c := range h.cookies {
				r.AddCookie(c)
			}
			w := httptest.NewRecorder()
			h.handler.ServeHTTP(w, r)
			code <- w.Code
		}()
		time.AfterFunc(50*time.Millisecond, stop)
		if <-code == 200 {
			return
		}
		if ctx.Err() != nil {
			t.Fatal("no place becomes free")
		}
	}
}

// Whoever tells the board something never waits, whatever the browsers do.
func TestObserveNeverBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := console.NewLive()
		done := make(chan bool)
		go func() {
			for i := range 10_000 {
				l.Observe(happening(dialler.WasLeased, dialler.CallID(fmt.Sprint(i)), dialler.CampaignID(i), time.Now()))
				l.Changed()
			}
			close(done)
		}()
		<-done // else the bubble says deadlock
		l.Close()
		l.Close()
	})
}
