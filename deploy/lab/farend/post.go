package farend

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// poster delivers analyses as a bot platform does: it tries again for a while when it
// gets no answer, or one that says "later".
type poster struct {
	f      *FarEnd
	client *http.Client

	mu    sync.Mutex
	api   string
	token string
	talks map[string]int // conversations so far, by customer
	done  []Delivery
}

// A Delivery is an analysis that was delivered, or given up.
type Delivery struct {
	At     time.Time // of the last try
	CallID string    // Ringback's
	Body   []byte
	Tries  int
	Status int    // of the last answer; 0 when there was none
	Answer string // its body, or why there was none
}

const (
	firstRetry = 100 * time.Millisecond
	lastRetry  = 2 * time.Second
	retryFor   = time.Minute
)

func newPoster(f *FarEnd) *poster {
	return &poster{
		f: f, api: f.o.API, token: f.o.Token, talks: map[string]int{},
		client: &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 8, IdleConnTimeout: 10 * time.Second}},
	}
}

func (p *poster) to(api, token string) {
	p.mu.Lock()
	p.api, p.token = api, token
	p.mu.Unlock()
}

func (p *poster) talk(customer string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.talks[customer]++
	return p.talks[customer]
}

// Deliveries is the analyses delivered or given up so far, in order.
func (f *FarEnd) Deliveries() []Delivery {
	f.poster.mu.Lock()
	defer f.poster.mu.Unlock()
	return append([]Delivery(nil), f.poster.done...)
}

// deliver sends one analysis in the background.
func (p *poster) deliver(leg string, post Post) {
	call := p.f.Record.call(leg)
	id := Decode(call.Headers)["call-id"]
	if id == "" || !p.f.enter() {
		return
	}
	go func() {
		defer p.f.quit.Done()
		ctx, cancel := context.WithTimeout(p.f.ctx, post.After+retryFor)
		defer cancel()
		d := Delivery{CallID: id, Body: post.Body}
		wait, retry := post.After, firstRetry
		for {
			t := time.NewTimer(wait)
			select {
			case <-t.C:
			case <-ctx.Done():
				t.Stop()
				p.finish(leg, d)
				return
			}
			d.Tries++
			again := p.try(ctx, &d)
			if !again {
				p.finish(leg, d)
				return
			}
			wait, retry = retry, min(2*retry, lastRetry)
		}
	}()
}

func (p *poster) finish(leg string, d Delivery) {
	p.mu.Lock()
	sent := p.api != ""
	if sent {
		p.done = append(p.done, d)
	}
	p.mu.Unlock()
	if sent {
		p.f.Record.posted(leg, d)
	}
}

// try posts once and says whether to try again: no answer, 5xx and 429 are worth it.
func (p *poster) try(ctx context.Context, d *Delivery) (again bool) {
	p.mu.Lock()
	api, token := p.api, p.token
	p.mu.Unlock()
	if api == "" {
		return false
	}
	d.At, d.Status = time.Now(), 0
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, api+"/v1/calls/"+url.PathEscape(d.CallID)+"/analysis", bytes.NewReader(d.Body))
	if err != nil {
		d.Answer = err.Error()
		return false
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := p.client.Do(req)
	if err != nil {
		d.Answer = fmt.Sprint("no answer: ", err)
		return true
	}
	defer func() { _ = res.Body.Close() }()
	answer, _ := io.ReadAll(io.LimitReader(res.Body, 4096))
	d.Status, d.Answer = res.StatusCode, string(answer)
	return res.StatusCode >= 500 || res.StatusCode == http.StatusTooManyRequests
}
