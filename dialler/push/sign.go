package push

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"ringback/dialler"
)

// The headers of a request, as https://www.standardwebhooks.com names them.
const (
	HeaderID        = "webhook-id"        // [dialler.Message.Key]: the same at every try
	HeaderTimestamp = "webhook-timestamp" // of this try, in seconds since 1970
	HeaderSignature = "webhook-signature" // "v1," and the signature in base64
)

// secretPrefix begins a secret, which is easily told from other strings then.
const secretPrefix = "whsec_"

// NewSecret makes a secret of 32 bytes that nobody has.
func NewSecret() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // it never fails, or the program ends
	return secretPrefix + base64.StdEncoding.EncodeToString(b[:])
}

// key is the bytes of a secret.
func key(secret string) ([]byte, error) {
	b, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, secretPrefix))
	if err != nil || !strings.HasPrefix(secret, secretPrefix) || len(b) < 24 || len(b) > 64 {
		return nil, &dialler.FieldError{Field: "secret", Got: fmt.Sprintf("%d characters", len(secret)),
			Want: `"whsec_" and 24 to 64 bytes in base64, or nothing, to have one made`}
	}
	return b, nil
}

// Sign is the signature of a request: HMAC-SHA256, under the bytes of the
// secret, of the ID, the timestamp and the body with dots between.
func Sign(secret, id string, at time.Time, body []byte) (string, error) {
	k, err := key(secret)
	if err != nil {
		return "", err
	}
	mac := hmac.New(sha256.New, k)
	mac.Write([]byte(id + "." + strconv.FormatInt(at.Unix(), 10) + "."))
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)), nil
}
