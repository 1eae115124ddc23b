package dialler

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

// What an operator may do to a contact, when, and what comes of it. It is
// Thursday, 11:20 in Kolkata; the window is Monday to Friday, 9 to 18.
func TestIntervene(t *testing.T) {
	window, err := NewWindow("Asia/Kolkata", Hours{"mon-fri": {"09:00-18:00"}})
	if err != nil {
		t.Fatal(err)
	}
	local := func(s string) time.Time {
		at, err := time.ParseInLocation("2006-01-02 15:04", s, window.Location())
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	now := local("2026-03-12 11:20")
	due := local("2026-03-12 16:00")
	owed := func() Record {
		return Record{
			Campaign: Campaign{State: CampaignRunning, Run: 1, Window: window, Seats: 2, MaxAttempts: 3},
			Contact: Contact{State: CallbackScheduled, Due: due, Attempts: 1,
				Callback: &Callback{ID: 7, State: CallbackWaiting, Scheduled: due, Due: due, Trace: []string{"as read"}}},
		}
	}
	single := func(r *Record) { r.Campaign.Mode, r.Campaign.Closes = SingleDay, local("2026-03-12 18:00") }
	nothing := func(*Record) {}
	move := func(words string) Intervention {
		return Intervention{Kind: MoveCallback, By: "asha", Words: words}
	}
	to := func(s string) Intervention { return Intervention{Kind: MoveCallback, By: "asha", To: local(s)} }
	cancel, dial := Intervention{Kind: CancelCallback, By: "asha"}, Intervention{Kind: DialNow, By: "asha"}
	for _, tt := range []struct {
		name    string
		edit    func(*Record)
		do      Intervention
		at      time.Time // when, if not now
		state   ContactState
		due     time.Time
		clipped bool
		says    string // or the refusal's or field's words
		refused bool
		field   string
	}{
		{name: "cancel", do: cancel, state: Stopped, says: "is cancelled"},
		{name: "cancel while paused", edit: func(r *Record) { r.Campaign.State = CampaignPaused }, do: cancel, state: Stopped, says: "is cancelled"},
		{name: "cancel while rung", edit: func(r *Record) { r.Contact.State = Dialling }, do: cancel, refused: true, says: "being dialled at this moment"},
		{name: "cancel what is not there", edit: func(r *Record) { r.Contact.State, r.Contact.Callback = RetryScheduled, nil }, do: cancel, refused: true, says: "there is none to be cancelled"},

		{name: "move by a time", do: to("2026-03-12 17:30"), state: CallbackScheduled, due: local("2026-03-12 17:30"), says: "moved to 17:30."},
		{name: "move sooner", do: to("2026-03-12 11:21"), state: CallbackScheduled, due: local("2026-03-12 11:21"), says: "moved to 11:21."},
		{name: "move by words", do: move("2 hours"), state: CallbackScheduled, due: local("2026-03-12 13:20"), says: "moved to 13:20."},
		{name: "move by words of India", do: move("kal subah"), state: CallbackScheduled, due: local("2026-03-13 10:00"), says: "on Fri 13 Mar"},
		{name: "move into the night", do: to("2026-03-13 23:00"), state: CallbackScheduled, due: local("2026-03-16 09:00"), clipped: true,
			says: "moved to 09:00 on Mon 16 Mar, the next opening: 23:00 on Fri 13 Mar is outside the calling window."},
		{name: "move while rung", edit: func(r *Record) { r.Contact.State = Dialling }, do: move("2 hours"), refused: true, says: "being dialled"},
		{name: "move what is not there", edit: func(r *Record) { r.Contact.State, r.Contact.Callback = Completed, nil }, do: move("2 hours"), refused: true, says: "there is none to be moved"},
		{name: "move into the past", do: to("2026-03-12 11:19"), field: "to", says: "has passed"},
		{name: "move by next year's date", do: to("2027-03-14 11:19"), field: "to", says: "more than a year away"},
		{name: "move by no words for a time", do: move("the colour blue"), field: "to", says: `"the colour blue", which names no clear time`},
		{name: "move to nowhere", do: move(""), field: "to", says: "neither a time nor words"},
		{name: "move twice at once", do: Intervention{Kind: MoveCallback, Words: "kal", To: due}, field: "to", says: "both a time and words"},
		{name: "move within the single day", edit: single, do: to("2026-03-12 17:59"), state: CallbackScheduled, due: local("2026-03-12 17:59"), says: "17:59"},
		{name: "move beyond the single day", edit: single, do: to("2026-03-13 10:00"), refused: true, says: "single day ends at 18:00"},
		{name: "move just beyond it", edit: single, do: to("2026-03-12 18:00"), refused: true, says: "would be cancelled then"},
		{name: "move where it never opens", edit: func(r *Record) { r.Campaign.Window = Window{} }, do: Intervention{Kind: MoveCallback, To: due}, refused: true, says: "does not open within the 400 days"},

		{name: "dial a callback", do: dial, state: CallbackScheduled, due: now, says: "due now"},
		{name: "dial one that is due", edit: func(r *Record) { r.Contact.Due = now.Add(-time.Minute) }, do: dial, state: CallbackScheduled, due: now.Add(-time.Minute), says: "due now"},
		{name: "dial one never rung", edit: func(r *Record) { r.Contact = Contact{State: Pending} }, do: dial, state: Pending, says: "ahead of the whole list"},
		{name: "dial a retry", edit: func(r *Record) { r.Contact = Contact{State: RetryScheduled, Due: due, Attempts: 1} }, do: dial, state: Pending, says: "ahead of the whole list"},
		{name: "dial one being rung", edit: func(r *Record) { r.Contact.State = Dialling }, do: dial, refused: true, says: "It is being dialled"},
		{name: "dial one excluded", edit: func(r *Record) { r.Excluded = true }, do: dial, refused: true, says: "do-not-call list"},
		{name: "dial one completed", edit: func(r *Record) { r.Contact = Contact{State: Completed} }, do: dial, refused: true, says: "conversation was held"},
		{name: "dial in a draft", edit: func(r *Record) { r.Campaign.State = CampaignDraft }, do: dial, refused: true, says: "is draft"},
		{name: "dial while paused", edit: func(r *Record) { r.Campaign.State = CampaignPaused }, do: dial, refused: true, says: "until it is resumed"},
		{name: "dial in the evening", at: local("2026-03-12 18:00"), do: dial, refused: true, says: "The calling window is closed; it opens at 09:00 on Fri 13 Mar."},
		{name: "dial after the single day", edit: single, at: local("2026-03-13 10:00"), do: dial, refused: true, says: "single day ends"},
		{name: "dial where it never opens", edit: func(r *Record) { r.Campaign.Window = Window{} }, do: dial, refused: true, says: "400 days"},
		{name: "nothing we know", do: Intervention{Kind: "hop"}, field: "kind", says: `"hop"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := owed()
			if tt.edit == nil {
				tt.edit = nothing
			}
			tt.edit(&r)
			before := owed()
			tt.edit(&before)
			at := now
			if !tt.at.IsZero() {
				at = tt.at
			}
			got, done, err := r.Intervene(tt.do, words, at)
			if !reflect.DeepEqual(r, before) {
				t.Errorf("the caller's record was changed to %+v", r)
			}
			var refused *InterventionError
			var field *FieldError
			switch {
			case tt.refused:
				if !errors.As(err, &refused) || refused.Kind != tt.do.Kind || !strings.Contains(refused.Why, tt.says) || !strings.HasSuffix(refused.Why, ".") {
					t.Errorf("got %v, want a refusal: a sentence that says %q", err, tt.says)
				}
				return
			case tt.field != "":
				if !errors.As(err, &field) || field.Field != tt.field || !strings.Contains(err.Error(), tt.says) {
					t.Errorf("got %v, want field %s: %s", err, tt.field, tt.says)
				}
				return
			case err != nil:
				t.Fatal(err)
			}
			if done.Contact.State != tt.state || !done.Contact.Due.Equal(tt.due) || done.Clipped != tt.clipped || !strings.Contains(done.Says, tt.says) {
				t.Errorf("got %+v, want %s due %v, clipped %v, saying %q", done, tt.state, tt.due, tt.clipped, tt.says)
			}
			if !reflect.DeepEqual(got.Contact, done.Contact) {
				t.Errorf("the record has %+v, what was done says %+v", got.Contact, done.Contact)
			}
			if done.Contact.Ahead != (tt.state == Pending) {
				t.Errorf("ahead: %v", done.Contact.Ahead)
			}
			if cb := done.Callback; cb != nil {
				if cb.Scheduled != due {
					t.Errorf("what was first promised is now %v", cb.Scheduled)
				}
				if tt.due != r.Contact.Due && !strings.Contains(strings.Join(cb.Trace, "\n"), "by asha on Thu 2026-03-12") {
					t.Errorf("the trace does not say who: %q", cb.Trace)
				}
				if (cb.State == CallbackWaiting) != (done.Contact.Callback == cb) {
					t.Errorf("the callback is %s, and the contact is owed %v", cb.State, done.Contact.Callback)
				}
			}
		})
	}
}
