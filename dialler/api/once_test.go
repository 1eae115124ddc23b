package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"ringback/dialler"
	"ringback/dialler/api"
	"ringback/dialler/user"
)

// once sends a request with a key.
func (h *house) once(key, method, path, body string) *httptest.ResponseRecorder {
	h.Helper()
	return h.send(strings.NewReader(body), method, path, func(r *http.Request) { r.Header.Set("Idempotency-Key", key) })
}

func (h *house) send(body io.Reader, method, path string, with func(*http.Request)) *httptest.ResponseRecorder {
	h.Helper()
	r := httptest.NewRequest(method, path, body)
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	with(r)
	w := httptest.NewRecorder()
	h.handler.ServeHTTP(w, r)
	return w
}

// again fails the test unless w is what was answered first, and says that it
// came before.
func (h *house) again(w, first *httptest.ResponseRecorder) {
	h.Helper()
	if w.Code != first.Code || w.Body.String() != first.Body.String() || w.Header().Get("Content-Type") != first.Header().Get("Content-Type") || w.Header().Get("Idempotent-Replayed") != "true" {
		h.Errorf("got %d %v %s; want, again, %d %v %s", w.Code, w.Header(), w.Body, first.Code, first.Header(), first.Body)
	}
}

func (h *house) is(w *httptest.ResponseRecorder, code int, says string) {
	h.Helper()
	if w.Code != code || !strings.Contains(w.Body.String(), says) || w.Header().Get("Idempotent-Replayed") != "" {
		h.Errorf("got %d %v %s; want %d and %q", w.Code, w.Header(), w.Body, code, says)
	}
}

func TestOnce(t *testing.T) {
	at := now
	h := newHouse(t, func(o *api.Options) { o.Now = func() time.Time { return at } })
	const one, two = `{"contacts":[{"number":"+919812345601"}]}`, `{"contacts":[{"number":"+919812345602"}]}`
	first := h.once(`"k-1"`, "POST", h.path("/contacts"), one)
	h.is(first, 200, `"added":1`)
	h.again(h.once(`"k-1"`, "POST", h.path("/contacts"), one), first)
	h.again(h.once(`k-1`, "POST", h.path("/contacts"), one), first) // without quotes it is the same key
	h.is(h.once("k-1", "POST", h.path("/contacts"), two), 422, "with another body")
	h.is(h.once("k-1", "POST", h.path("/start"), one), 422, "the key was given before, for POST /v1/campaigns/1/contacts")
	h.is(h.once("k-2", "POST", h.path("/contacts"), one), 200, `"added":0`)

	// What cannot be done is answered the same, too, though it could be done now.
	refused := h.once("k-3", "POST", h.path("/pause"), "")
	h.is(refused, 409, "draft")
	h.want(200, "POST", h.path("/start"), "")
	h.again(h.once("k-3", "POST", h.path("/pause"), ""), refused)
	h.again(h.once("k-2", "POST", h.path("/contacts"), one), h.once("k-2", "POST", h.path("/contacts"), one))

	// So it is by another process on the same store.
	again := &house{T: t, store: h.store, campaign: h.campaign, handler: api.New(api.Options{
		Store: h.store, Door: user.NewDoor(user.Options{Tokens: map[string]string{"crm": token}}), Now: func() time.Time { return at },
	})}
	h.again(again.once("k-1", "POST", h.path("/contacts"), one), first)

	// Another's key is another key.
	other := h.send(strings.NewReader(one), "POST", h.path("/contacts"), func(r *http.Request) {
		r.Header.Set("Authorization", "Bearer another-token-of-ops")
		r.Header.Set("Idempotency-Key", "k-1")
	})
	h.is(other, 200, `"added":0`)

	// A method that may be repeated anyway takes no notice.
	h.is(h.once("k-1", "PUT", "/v1/bots/asha", `{"endpoint":"PJSIP/asha"}`), 200, "asha")

	at = at.Add(24 * time.Hour)
	h.is(h.once("k-1", "POST", h.path("/contacts"), two), 200, `"added":1`)
}

func TestOnceKeepsNoSecret(t *testing.T) {
	store := &faulty{}
	h := newHouse(t, func(o *api.Options) { store.Store, o.Store = o.Store, store })
	h.want(201, "POST", "/v1/users", `{"name":"prog","role":"api"}`)
	first := h.once("8e03978e-40d5-43e8-bc93-6894a57f9324", "POST", "/v1/users/prog/tokens", `{"name":"push"}`)
	h.is(first, 201, `"token":`)
	var made struct{ Token string }
	if err := json.Unmarshal(first.Body.Bytes(), &made); err != nil || made.Token == "" || len(store.kept.Answer) < first.Body.Len() || strings.Contains(fmt.Sprintf("%+v %s", store.kept, store.kept.Answer), made.Token) {
		t.Errorf("kept %+v of %s, %v", store.kept, first.Body, err)
	}
	h.again(h.once("8e03978e-40d5-43e8-bc93-6894a57f9324", "POST", "/v1/users/prog/tokens", `{"name":"push"}`), first)
}

func TestOnceSaysWhatIsWrongWithAKey(t *testing.T) {
	h := newHouse(t)
	for _, bad := range []string{"", `""`, `"a`, "a b", "a,b", `"a";x=1`, "a\x7f", "ключ", `"a\b"`, strings.Repeat("x", 256)} {
		h.is(h.once(bad, "POST", h.path("/start"), ""), 400, "Idempotency-Key: got")
	}
	h.is(h.send(nil, "POST", h.path("/start"), func(r *http.Request) { r.Header["Idempotency-Key"] = []string{"a", "b"} }), 400, "Idempotency-Key: got")
	h.is(h.once(`"say \"hi\""`, "POST", h.path("/start"), ""), 200, "running")
	h.is(h.once(strings.Repeat("x", 255), "POST", h.path("/pause"), ""), 200, "paused")
}

// A list is not held back: its digest is made while it comes, and it is renewed
// as long as it does.
func TestOnceWithAFile(t *testing.T) {
	at := now
	h := newHouse(t, func(o *api.Options) { o.Now = func() time.Time { return at } })
	upload := func(body io.Reader) *httptest.ResponseRecorder {
		return h.send(body, "POST", h.path("/contacts.csv"), func(r *http.Request) {
			r.Header.Set("Content-Type", "text/csv")
			r.Header.Set("Idempotency-Key", "list-7")
		})
	}
	const file = "phone_number\n9812345601\n12\n"
	h.is(upload(cutOff{strings.NewReader(file)}), 500, "could not be taken in")
	slow := &asked{Reader: strings.NewReader(file), each: func() {
		at = at.Add(90 * time.Second) // between one byte and the next
		h.is(upload(strings.NewReader(file)), 409, "being carried out")
	}}
	first := upload(slow)
	h.is(first, 200, `"duplicate":1`) // it was added by the one that broke off
	h.again(upload(strings.NewReader(file)), first)
	h.is(upload(strings.NewReader(file+"9812345602\n")), 422, "with another body")
}

// asked calls each before each of its first reads, of a few bytes.
type asked struct {
	io.Reader
	each func()
	n    int
}

func (a *asked) Read(b []byte) (int, error) {
	if a.n++; a.n <= 4 {
		a.each()
	}
	return a.Reader.Read(b[:min(len(b), 6)])
}

func TestOnceIsNotKeptWhenItFailed(t *testing.T) {
	faults := &faulty{}
	h := newHouse(t, func(o *api.Options) { faults.Store, o.Store = o.Store, faults })
	const body = `{"contacts":[{"number":"+919812345601"}]}`
	faults.add = errors.New("the disk is full")
	h.is(h.once("k", "POST", h.path("/contacts"), body), 500, "the log says why")
	faults.add = nil
	first := h.once("k", "POST", h.path("/contacts"), body)
	h.is(first, 200, `"added":1`)
	h.again(h.once("k", "POST", h.path("/contacts"), body), first)

	faults.claim = errors.New("the disk is full")
	h.is(h.once("l", "POST", h.path("/start"), ""), 503, "nothing was done")
	faults.claim = nil
	h.is(h.once("l", "POST", h.path("/start"), ""), 200, "running")

	// Nor is what was sent as something else.
	plain := h.send(strings.NewReader(body), "POST", h.path("/contacts"), func(r *http.Request) {
		r.Header.Set("Idempotency-Key", "m")
		r.Header.Set("Content-Type", "text/plain")
	})
	h.is(plain, 415, "unknown content type: text/plain")
	h.is(h.once("m", "POST", h.path("/contacts"), body), 200, `"added":0`)
}

// The process that carried it out is gone, and nobody knows what it did: once it
// must have died the request is carried out again.
func TestOnceAfterACrash(t *testing.T) {
	at := now
	faults := &faulty{}
	h := newHouse(t, func(o *api.Options) {
		o.Now = func() time.Time { return at }
		faults.Store, o.Store = o.Store, faults
	})
	faults.keep = errors.New("the process is dead")
	const body = `{"contacts":[{"number":"+919812345601"}]}`
	h.is(h.once("k", "POST", h.path("/contacts"), body), 200, `"added":1`)
	faults.keep = nil
	at = at.Add(time.Minute)
	w := h.once("k", "POST", h.path("/contacts"), body)
	h.is(w, 409, "being carried out")
	if w.Header().Get("Retry-After") != "2" {
		t.Errorf("headers %v", w.Header())
	}
	at = at.Add(time.Minute)
	first := h.once("k", "POST", h.path("/contacts"), body)
	h.is(first, 200, "already_in_campaign")
	h.again(h.once("k", "POST", h.path("/contacts"), body), first)
}

// faulty is a store of which some methods fail.
type faulty struct {
	api.Store
	add, claim, keep error
	kept             dialler.Receipt // the last
}

func (f *faulty) AddContacts(ctx context.Context, id dialler.CampaignID, list []dialler.NewContact, now time.Time) ([]dialler.Duplicate, error) {
	if f.add != nil {
		return nil, f.add
	}
	return f.Store.AddContacts(ctx, id, list, now)
}

func (f *faulty) ClaimReceipt(ctx context.Context, r dialler.Receipt, lapses, now time.Time) (dialler.Receipt, bool, error) {
	if f.claim != nil {
		return dialler.Receipt{}, false, f.claim
	}
	return f.Store.ClaimReceipt(ctx, r, lapses, now)
}

func (f *faulty) KeepReceipt(ctx context.Context, r dialler.Receipt) error {
	if f.keep != nil {
		return f.keep
	}
	f.kept = r
	return f.Store.KeepReceipt(ctx, r)
}

func (f *faulty) ReleaseReceipt(ctx context.Context, r dialler.Receipt) error {
	if f.keep != nil {
		return f.keep
	}
	return f.Store.ReleaseReceipt(ctx, r)
}

// A stranger gets no answer that somebody was given.
func TestOnceAsksWhoComes(t *testing.T) {
	h := newHouse(t)
	h.is(h.once("k", "POST", h.path("/start"), ""), 200, "running")
	w := h.send(nil, "POST", h.path("/start"), func(r *http.Request) {
		r.Header.Set("Idempotency-Key", "k")
		r.Header.Set("Authorization", "Bearer nobody's")
	})
	h.is(w, 401, "the token is not known")
}
