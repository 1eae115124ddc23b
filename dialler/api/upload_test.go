package api_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"ringback/dialler/api"
)

func (h *house) upload(kind string, file io.Reader) (int, string) {
	h.Helper()
	r := httptest.NewRequest(http.MethodPost, fmt.Sprintf("/v1/campaigns/%d/contacts.csv", h.campaign), file)
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", kind)
	w := httptest.NewRecorder()
	h.handler.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func TestUpload(t *testing.T) {
	h := newHouse(t)
	const file = "phone_number,name\n9812345601,रवि\n12,Nobody\n+919812345602,Asha\n98123 45601,Again\n"
	code, body := h.upload("text/csv; charset=utf-8", strings.NewReader(file))
	var out api.Uploaded
	if err := json.Unmarshal([]byte(body), &out); err != nil || code != 200 {
		t.Fatalf("%d %s %v", code, body, err)
	}
	if out.Added != 2 || out.Invalid != 1 || out.Duplicate != 1 || len(out.Skipped) != 2 ||
		out.Skipped[0].Line != 3 || out.Skipped[0].Code != "invalid" || out.Skipped[0].Number != "12" ||
		out.Skipped[1].Line != 5 || out.Skipped[1].Code != "twice_in_list" {
		t.Errorf("%+v", out)
	}
	// Sent again it adds nobody twice.
	_, body = h.upload("text/csv", strings.NewReader(file))
	if err := json.Unmarshal([]byte(body), &out); err != nil || out.Added != 0 || out.Duplicate != 3 {
		t.Errorf("again: %s %v", body, err)
	}
}

func TestUploadSaysWhatIsWrong(t *testing.T) {
	h := newHouse(t)
	for _, tt := range []struct {
		name, kind, file string
		code             int
		says             string
	}{
		{"not CSV", "application/json", "{}", 415, "want text/csv"},
		{"nothing", "text/csv", "", 422, "0 contacts that came before are added"},
		{"no numbers", "text/csv", "name,age\nRavi,41\n", 422, "phone_number"},
		{"a row without an end", "text/csv", "phone_number,name\n9812345609,\"" + strings.Repeat("x", 3<<20), 422, "is a \\\" not closed?"},
		{"too long", "text/csv", "phone_number,name\n" + strings.Repeat("12,"+strings.Repeat("x", 900<<10)+"\n", 60), 413, "longer than 50 MB"},
	} {
		if code, body := h.upload(tt.kind, strings.NewReader(tt.file)); code != tt.code || !strings.Contains(body, tt.says) {
			t.Errorf("%s: %d %.300s; want %d and %q", tt.name, code, body, tt.code, tt.says)
		}
	}
	if code, _ := h.upload("text/csv", cutOff{strings.NewReader("phone_number\n9812345610\n")}); code != 500 {
		t.Errorf("a body that breaks off: %d", code)
	}
}

// cutOff breaks off at its end.
type cutOff struct{ io.Reader }

func (b cutOff) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}
