package api

import (
	"bytes"
	"cmp"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"ringback/dialler"
	"ringback/dialler/user"
)

// A POST with an Idempotency-Key is carried out once, as
// draft-ietf-httpapi-idempotency-key-header has it: whoever had no answer sends
// it again, and gets the answer there was.
//
//	POST, key ── claimed ──▶ carried out ── answered ──▶ kept for a day
//	   │                          └── 5xx, or broken off ──▶ given up
//	   ├── is being carried out ──▶ 409, Retry-After
//	   └── was answered: the same body ──▶ that answer;  another ──▶ 422
//
// The digest of the body is made while it comes: nothing of a long list is held
// back. A process that dies between doing and keeping leaves a claim that
// lapses, and then the request is carried out again: each of them may be, for
// what is there is reported and not made twice.
//
// What is kept is sealed by the key, which is not: an answer may have a secret
// in it, and the body of a request a password.

// notKept are the refusals that say nothing about what is asked for, but that it
// did not come as it should have: what is sent better is another request.
var notKept = []int{http.StatusRequestTimeout, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType}

// Limits of keys.
const (
	keyHeader   = "Idempotency-Key"
	maxKey      = 255             // bytes
	maxKept     = 8 << 20         // of an answer; one that is longer is not kept
	claimLife   = 2 * time.Minute // longer than anything takes but a long body, which renews it
	claimRenew  = 30 * time.Second
	keepWithin  = 5 * time.Second
	retryAfter  = 2 // seconds
	onceFailing = "the store could not say whether this was carried out before; nothing was done; try again"
)

// asksOnce reports whether a request is one of those that are carried out once.
func asksOnce(r *http.Request) bool {
	return r.Method == http.MethodPost && len(r.Header.Values(keyHeader)) > 0
}

// readKey is the header's value: a string as RFC 9651 §3.3.3 writes it, in
// quotes, or, as many clients have it, the same without.
func readKey(values []string) (string, error) {
	want := fmt.Errorf("%s: got %q; want one key of 1 to %d printable ASCII characters, a UUID for example, in quotes or without", keyHeader, shorten(strings.Join(values, ", ")), maxKey)
	if len(values) != 1 {
		return "", want
	}
	v := strings.Trim(values[0], " \t")
	inside, quoted := strings.CutPrefix(v, `"`)
	if quoted {
		if inside, quoted = strings.CutSuffix(inside, `"`); !quoted {
			return "", want
		}
	}
	var key strings.Builder
	for i := 0; i < len(inside); i++ {
		c := inside[i]
		switch {
		case c < 0x20 || c > 0x7e, !quoted && (c == ' ' || c == ',' || c == '"' || c == '\\'), quoted && c == '"':
			return "", want
		case c == '\\':
			if i++; i == len(inside) || inside[i] != '"' && inside[i] != '\\' {
				return "", want
			}
			c = inside[i]
		}
		key.WriteByte(c)
	}
	if n := key.Len(); n == 0 || n > maxKey {
		return "", want
	}
	return key.String(), nil
}

// A once is a request that is carried out once.
type once struct {
	*api
	receipt dialler.Receipt
	digest  hash.Hash // of the body; keyed, for there may be a password in it
	seal    cipher.AEAD
	renewed time.Time
}

func (a *api) newOnce(r *http.Request, w user.Who, key string) (*once, error) {
	id := sha256.Sum256([]byte(w.Name + "\x00" + key))
	secret, err := hkdf.Key(sha256.New, []byte(key), []byte(w.Name), "ringback receipt", 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(secret)
	if err != nil {
		return nil, err
	}
	seal, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	return &once{
		api: a, digest: hmac.New(sha256.New, secret), seal: seal, renewed: a.Now(),
		receipt: dialler.Receipt{ID: hex.EncodeToString(id[:]), Request: r.Method + " " + r.URL.RequestURI(), Claim: rand.Text()},
	}, nil
}

// once answers a request with a key.
func (a *api) once(w http.ResponseWriter, r *http.Request, who user.Who, next http.Handler) {
	key, err := readKey(r.Header.Values(keyHeader))
	if err != nil {
		writeProblem(w, http.StatusBadRequest, err.Error())
		return
	}
	o, err := a.newOnce(r, who, key)
	if err != nil {
		a.log.Error("a request failed", "doing", "make a receipt", "err", err)
		writeProblem(w, http.StatusInternalServerError, "the request could not be carried out; the log says why")
		return
	}
	now := a.Now()
	there, mine, err := a.Store.ClaimReceipt(r.Context(), o.receipt, now.Add(claimLife), now)
	switch {
	case err != nil:
		a.log.Error("a request failed", "doing", "claim a receipt", "err", err)
		writeProblem(w, http.StatusServiceUnavailable, onceFailing)
	case mine:
		o.carryOut(w, r, next)
	case there.Request != o.receipt.Request:
		writeProblem(w, http.StatusUnprocessableEntity, fmt.Sprintf("%s: the key was given before, for %s; use another for another request", keyHeader, shorten(there.Request)))
	case there.Answer == nil:
		w.Header().Set("Retry-After", strconv.Itoa(retryAfter))
		writeProblem(w, http.StatusConflict, keyHeader+": the request with this key is being carried out; ask again when Retry-After says")
	default:
		o.replay(w, r, there)
	}
}

// carryOut has the request carried out, and keeps what was answered.
func (o *once) carryOut(w http.ResponseWriter, r *http.Request, next http.Handler) {
	ctx := context.WithoutCancel(r.Context()) // whoever asked may have gone; they will ask again
	kept := false
	defer func() {
		if kept {
			return
		}
		ctx, cancel := context.WithTimeout(ctx, keepWithin)
		defer cancel()
		if err := o.Store.ReleaseReceipt(ctx, o.receipt); err != nil { // it lapses by itself
			o.log.Warn("a claim could not be given up", "err", err)
		}
	}()
	body := &digested{ReadCloser: r.Body, once: o, ctx: r.Context()}
	r.Body = body
	rec := &copied{ResponseWriter: w}
	next.ServeHTTP(rec, r)
	if status := cmp.Or(rec.status, http.StatusOK); status >= 500 || slices.Contains(notKept, status) || rec.long {
		return
	}
	if !body.whole { // who answered did not read it to its end
		if _, err := io.Copy(io.Discard, io.LimitReader(body, MaxUpload)); err != nil || !body.whole {
			return
		}
	}
	answer, err := o.sealed(rec)
	if err == nil {
		o.receipt.Body, o.receipt.Answer = o.sum(), answer
		ctx, cancel := context.WithTimeout(ctx, keepWithin)
		defer cancel()
		err = o.Store.KeepReceipt(ctx, o.receipt)
	}
	if kept = err == nil; !kept {
		o.log.Error("an answer could not be kept; the same request is carried out again if it comes again", "err", err)
	}
}

// replay answers what was answered, if the body is the same.
func (o *once) replay(w http.ResponseWriter, r *http.Request, there dialler.Receipt) {
	most := int64(maxListBody)
	if isUpload(r.URL.Path) {
		most = MaxUpload
		var done context.CancelFunc
		r, done = LongBody(w, r, most)
		defer done()
	}
	_, err := io.Copy(o.digest, http.MaxBytesReader(w, r.Body, most))
	var long *http.MaxBytesError
	switch {
	case err != nil && !errors.As(err, &long):
		writeProblem(w, http.StatusBadRequest, "the body breaks off")
		return
	case long != nil || o.sum() != there.Body:
		writeProblem(w, http.StatusUnprocessableEntity, keyHeader+": the key was given before, with another body; use another key for another request")
		return
	}
	status, kind, body, err := o.opened(there.Answer)
	if err != nil {
		o.log.Error("a request failed", "doing", "open a receipt", "err", err)
		writeProblem(w, http.StatusInternalServerError, "what was answered could not be read; the log says why")
		return
	}
	if kind != "" {
		w.Header().Set("Content-Type", kind)
	}
	w.Header().Set("Idempotent-Replayed", "true")
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client may be gone; there is nobody to tell
}

func (o *once) sum() string { return base64.RawStdEncoding.EncodeToString(o.digest.Sum(nil)) }

// sealed is an answer as it is kept: its status, its media type and its body.
func (o *once) sealed(rec *copied) ([]byte, error) {
	kind := rec.Header().Get("Content-Type")
	if len(kind) > 255 {
		return nil, fmt.Errorf("a media type of %d bytes", len(kind))
	}
	plain := binary.BigEndian.AppendUint16(nil, uint16(cmp.Or(rec.status, http.StatusOK))) //nolint:gosec // three digits
	plain = append(append(append(plain, byte(len(kind))), kind...), rec.body.Bytes()...)
	nonce := make([]byte, o.seal.NonceSize())
	_, _ = rand.Read(nonce) // it never fails
	return o.seal.Seal(nonce, nonce, plain, []byte(o.receipt.ID)), nil
}

func (o *once) opened(answer []byte) (status int, kind string, body []byte, err error) {
	n := o.seal.NonceSize()
	if len(answer) < n {
		return 0, "", nil, errors.New("it is too short")
	}
	plain, err := o.seal.Open(nil, answer[:n], answer[n:], []byte(o.receipt.ID))
	if err == nil && (len(plain) < 3 || len(plain) < 3+int(plain[2])) {
		err = errors.New("it breaks off")
	}
	if err != nil {
		return 0, "", nil, err
	}
	status, plain = int(binary.BigEndian.Uint16(plain)), plain[2:]
	n = 1 + int(plain[0])
	return status, string(plain[1:n]), plain[n:], nil
}

// digested digests a body as it is read, and keeps its claim from lapsing while
// it comes.
type digested struct {
	io.ReadCloser
	once  *once
	ctx   context.Context
	whole bool
}

func (d *digested) Read(b []byte) (int, error) {
	n, err := d.ReadCloser.Read(b)
	d.once.digest.Write(b[:n])
	d.whole = d.whole || errors.Is(err, io.EOF)
	if now := d.once.Now(); now.Sub(d.once.renewed) >= claimRenew {
		d.once.renewed = now
		if err := d.once.Store.RenewReceipt(d.ctx, d.once.receipt, now.Add(claimLife)); err != nil {
			d.once.log.Warn("a claim could not be renewed", "err", err)
		}
	}
	return n, err
}

// copied keeps a copy of what is answered.
type copied struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
	long   bool // longer than is kept; there is no copy
}

func (c *copied) WriteHeader(status int) {
	c.status = cmp.Or(c.status, status)
	c.ResponseWriter.WriteHeader(status)
}

func (c *copied) Write(b []byte) (int, error) {
	c.status = cmp.Or(c.status, http.StatusOK)
	if c.long = c.long || c.body.Len()+len(b) > maxKept; !c.long {
		c.body.Write(b)
	}
	return c.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController, and so huma, set deadlines.
func (c *copied) Unwrap() http.ResponseWriter { return c.ResponseWriter }
