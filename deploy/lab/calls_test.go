package lab_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"

	"ringback/deploy/lab"
	"ringback/deploy/lab/farend"
)

// ari asks Asterisk something and returns the status and the body.
func ari(t *testing.T, a *lab.Asterisk, method, path string, body any) (int, []byte) {
	t.Helper()
	var r io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		r = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(within(t), method, a.ARIURL+path, r)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(a.User, a.Password)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, answer
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func startFarEnd(t *testing.T, o farend.Options) *farend.FarEnd {
	t.Helper()
	f, err := farend.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func TestBotAsExtension(t *testing.T) {
	f := startFarEnd(t, farend.Options{BotTalk: 300 * time.Millisecond})
	a := start(t, lab.Options{FarEnd: f.Addr})
	status, body := ari(t, a, "POST", "/channels", map[string]any{
		"endpoint": "PJSIP/+919800000000@trunk", "context": "ringback-bot", "extension": "s", "priority": 1,
		"variables": map[string]string{
			"RINGBACK_CALL_ID": "0b5e", "RINGBACK_NUMBER": "%2B919800000000", "RINGBACK_CALLBACK_PHRASE": "%E0%A4%95%E0%A4%B2",
			"RINGBACK_USER_TO_USER": "7b7d;encoding=hex",
		},
	})
	if status != 200 {
		t.Fatalf("originate: %d %s", status, body)
	}
	err := f.Record.Wait(within(t), func(calls []farend.Call) bool { return len(calls) == 2 && !calls[0].Live() && !calls[1].Live() })
	t.Log(f.Record.Calls())
	if err != nil {
		t.Fatal(err, a.LogTail(20))
	}
}
