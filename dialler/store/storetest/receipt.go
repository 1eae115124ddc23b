package storetest

import (
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"ringback/dialler"
)

// RunReceipts runs the suite of [dialler.Receipts] on stores that open makes:
// empty ones, each for one test, closed by t.Cleanup.
func RunReceipts(t *testing.T, open func(t *testing.T) dialler.Receipts) {
	for _, tt := range receiptTests {
		t.Run(tt.name, func(t *testing.T) { tt.f(&desk{t, open(t)}) })
	}
}

// desk is a store with shorthand.
type desk struct {
	*testing.T
	dialler.Receipts
}

// noon is when the requests of these tests come: of the true day, for a store
// may go by a clock of its own.
var noon = time.Now().Truncate(time.Microsecond)

func asked(claim string) dialler.Receipt {
	return dialler.Receipt{ID: "crm/1", Request: "POST /v1/campaigns", Claim: claim}
}

// claim claims at now, for a minute.
func (d *desk) claim(claim string, now time.Time) (dialler.Receipt, bool) {
	d.Helper()
	r, mine, err := d.ClaimReceipt(d.Context(), asked(claim), now.Add(time.Minute), now)
	if err != nil {
		d.Fatal(err)
	}
	return r, mine
}

func (d *desk) mine(claim string, now time.Time) {
	d.Helper()
	if r, mine := d.claim(claim, now); !mine || !reflect.DeepEqual(r, dialler.Receipt{}) {
		d.Fatalf("claim %s: %v %+v", claim, mine, r)
	}
}

func (d *desk) there(claim string, now time.Time, want dialler.Receipt) {
	d.Helper()
	if r, mine := d.claim(claim, now); mine || !reflect.DeepEqual(r, want) {
		d.Fatalf("claim %s: %v %+v, want what is there, %+v", claim, mine, r, want)
	}
}

func (d *desk) is(err, want error) {
	d.Helper()
	if !errors.Is(err, want) {
		d.Fatalf("got %v, want %v", err, want)
	}
}

// answered is a with an answer.
func answered(claim string) dialler.Receipt {
	r := asked(claim)
	r.Body, r.Answer = "digest", []byte{0, 255, 'x'}
	return r
}

var receiptTests = []struct {
	name string
	f    func(d *desk)
}{
	{"a request is carried out by one, and its answer is there for a day", func(d *desk) {
		d.mine("a", noon)
		d.there("b", noon.Add(time.Second), asked("a"))
		d.is(d.KeepReceipt(d.Context(), answered("b")), dialler.ErrConflict)
		d.is(d.KeepReceipt(d.Context(), answered("a")), nil)
		d.is(d.KeepReceipt(d.Context(), answered("a")), dialler.ErrConflict)
		d.there("b", noon.Add(time.Hour), answered("a"))
		d.there("b", noon.Add(dialler.ReceiptLife-time.Second), answered("a"))
		d.is(d.ReleaseReceipt(d.Context(), asked("a")), nil) // too late: it is answered
		d.there("b", noon.Add(time.Hour), answered("a"))
		d.mine("b", noon.Add(dialler.ReceiptLife+time.Second))
		d.there("c", noon.Add(dialler.ReceiptLife+2*time.Second), asked("b"))
		if _, mine, err := d.ClaimReceipt(d.Context(), dialler.Receipt{ID: "crm/2", Claim: "a"}, noon.Add(time.Minute), noon); err != nil || !mine {
			d.Errorf("another key: %v %v", mine, err)
		}
		if err := d.KeepReceipt(d.Context(), asked("b")); err == nil {
			d.Error("no answer was kept as one")
		}
	}},
	{"a claim that is given up is free at once", func(d *desk) {
		d.mine("a", noon)
		d.is(d.ReleaseReceipt(d.Context(), asked("b")), nil) // not theirs
		d.there("b", noon, asked("a"))
		d.is(d.ReleaseReceipt(d.Context(), asked("a")), nil)
		d.mine("b", noon)
		d.is(d.KeepReceipt(d.Context(), answered("a")), dialler.ErrConflict)
	}},
	{"a claim whose process died lapses, and one that is renewed does not", func(d *desk) {
		d.mine("a", noon)
		d.is(d.RenewReceipt(d.Context(), asked("a"), noon.Add(2*time.Minute)), nil)
		d.there("b", noon.Add(90*time.Second), asked("a"))
		d.mine("b", noon.Add(121*time.Second))
		d.is(d.RenewReceipt(d.Context(), asked("a"), noon.Add(9*time.Minute)), dialler.ErrConflict)
		d.is(d.KeepReceipt(d.Context(), answered("a")), dialler.ErrConflict)
		d.is(d.KeepReceipt(d.Context(), answered("b")), nil)
	}},
	{"of many who claim at once one does", func(d *desk) {
		var all sync.WaitGroup
		mine := make([]bool, 12)
		for i := range mine {
			all.Go(func() {
				var err error
				if _, mine[i], err = d.ClaimReceipt(d.Context(), asked(fmt.Sprint(i)), noon.Add(time.Minute), noon); err != nil {
					d.Error(err)
				}
			})
		}
		all.Wait()
		n := 0
		for _, m := range mine {
			if m {
				n++
			}
		}
		if n != 1 {
			d.Errorf("%d have it", n)
		}
	}},
	{"what is good no more is dropped", func(d *desk) {
		for i := range 5 {
			at := noon.Add(time.Duration(i) * time.Hour)
			r := answered("a")
			r.ID = fmt.Sprint("crm/", i)
			if _, _, err := d.ClaimReceipt(d.Context(), r, at.Add(time.Minute), at); err != nil {
				d.Fatal(err)
			}
			if i != 1 { // that one's process died
				d.is(d.KeepReceipt(d.Context(), r), nil)
			}
		}
		for _, want := range []int{2, 1, 0} {
			if n, err := d.DropReceipts(d.Context(), 2, noon.Add(dialler.ReceiptLife+150*time.Minute)); n != want || err != nil {
				d.Errorf("%d dropped, %v; want %d", n, err, want)
			}
		}
	}},
}
