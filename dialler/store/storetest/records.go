package storetest

import (
	"errors"
	"time"

	"ringback/dialler"
)

func (w *world) attempts(q dialler.RecordQuery) (out []dialler.AttemptRecord) {
	w.Helper()
	for {
		page, next, err := w.s.(dialler.Records).Attempts(w.ctx, q)
		w.must(err)
		out = append(out, page...)
		if q.After = next; next == "" {
			return out
		}
	}
}

func (w *world) promises(q dialler.RecordQuery) (out []dialler.PromiseRecord) {
	w.Helper()
	for {
		page, next, err := w.s.(dialler.Records).Promises(w.ctx, q)
		w.must(err)
		out = append(out, page...)
		if q.After = next; next == "" {
			return out
		}
	}
}

var recordTests = []test{
	{"attempts, the oldest first, page by page, each with what came of it", func(w *world) {
		c, other := w.campaign("c"), w.campaign("other")
		w.people(other, 1)
		w.one(other)
		var want []dialler.CallID
		for i := range 7 {
			l := w.asked(c)
			if i%2 == 0 {
				w.hear(l, later("1 hour", "driving"))
			} else if i%3 == 0 {
				w.hear(l, content())
			}
			want = append(want, l.Attempt.ID)
			time.Sleep(time.Millisecond)
		}
		for _, limit := range []int{0, 1, 3, 7} {
			got := w.attempts(dialler.RecordQuery{Campaign: c.ID, Limit: limit})
			w.eq("calls", len(got), 7)
			for i, a := range got {
				w.eq("call", a.ID, want[i])
				w.eq("asked", []any{a.Asked != nil, a.Verdict == dialler.RulingScheduled}, []any{i%2 == 0, i%2 == 0})
				if a.Asked != nil {
					w.eq("promise", []any{a.Asked.AskedOn, a.Asked.Phrase, a.Asked.Reason, a.Asked.State}, []any{a.ID, "1 hour", "driving", dialler.CallbackWaiting})
				}
				w.eq("the contact's own", a.Vars["name"], "N "+string(a.Number))
				w.eq("disposition", a.Disposition, dialler.Answered)
			}
			w.eq("no request", got[3].Verdict, dialler.RulingNone)
			w.eq("no analysis", got[1].Verdict, dialler.RulingVerdict(""))
		}
	}},
	{"promises, by the calls on which they were asked for", func(w *world) {
		c := w.campaign("c")
		var want []dialler.CallID
		for range 5 {
			want = append(want, w.promised(w.fresh(c)).Callback.AskedOn)
			time.Sleep(time.Millisecond)
		}
		for _, limit := range []int{0, 1, 2, 5} {
			got := w.promises(dialler.RecordQuery{Campaign: c.ID, Limit: limit})
			w.eq("promises", len(got), 5)
			for i, p := range got {
				w.eq("promise", []any{p.AskedOn, p.Phrase, p.Run, p.Vars["name"]}, []any{want[i], "1 hour", 1, "N " + string(p.Number)})
			}
		}
	}},
	{"of a time: from is within, to is not", func(w *world) {
		c := w.campaign("c")
		for range 4 {
			w.promised(w.fresh(c))
			time.Sleep(time.Millisecond)
		}
		all := w.attempts(dialler.RecordQuery{Campaign: c.ID})
		q := dialler.RecordQuery{Campaign: c.ID, From: all[1].Leased, To: all[3].Leased, Limit: 1}
		got := w.attempts(q)
		w.eq("calls", []any{len(got), got[0].ID, got[1].ID}, []any{2, all[1].ID, all[2].ID})
		kept := w.promises(q)
		w.eq("promises", []any{len(kept), kept[0].AskedOn, kept[1].AskedOn}, []any{2, all[1].ID, all[2].ID})
		q.From, q.To = all[3].Leased.Add(time.Second), time.Time{}
		w.eq("later", []int{len(w.attempts(q)), len(w.promises(q))}, []int{0, 0})
	}},
	{"a campaign or a page that is none is named", func(w *world) {
		c := w.campaign("c")
		a := w.s.(dialler.Records)
		_, _, err := a.Attempts(w.ctx, dialler.RecordQuery{Campaign: 1e9})
		w.is(err, dialler.ErrNotFound)
		_, _, err = a.Promises(w.ctx, dialler.RecordQuery{Campaign: 1e9})
		w.is(err, dialler.ErrNotFound)
		for _, after := range []string{"x", "1", "' OR 1=1 --.x"} {
			_, _, err = a.Attempts(w.ctx, dialler.RecordQuery{Campaign: c.ID, After: after})
			var fe *dialler.FieldError
			if !errors.As(err, &fe) || fe.Field != "after" {
				w.Fatalf("%s: %v", after, err)
			}
		}
	}},
}

// fresh puts one more person on a campaign's list.
func (w *world) fresh(c dialler.Campaign) dialler.Campaign {
	w.Helper()
	w.people(c, 1)
	return c
}
