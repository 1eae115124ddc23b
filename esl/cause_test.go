package esl

import (
	"encoding/json"
	"os"
	"strconv"
	"testing"
)

type recordedCause struct {
	cause string
	q850  int
}

// recordedCauses is what each SIP status came out as.
func recordedCauses(t *testing.T) map[int]recordedCause {
	t.Helper()
	raw, err := os.ReadFile("testdata/23-sip-code-to-cause.json")
	if err != nil {
		t.Fatal(err)
	}
	var rows [][]any
	if err := json.Unmarshal(raw, &rows); err != nil {
		t.Fatal(err)
	}
	table := map[int]recordedCause{}
	for _, r := range rows {
		n, err := strconv.Atoi(r[2].(string))
		if err != nil {
			t.Fatal(err)
		}
		table[int(r[0].(float64))] = recordedCause{r[1].(string), n}
	}
	return table
}
