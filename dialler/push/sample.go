package push

import (
	"encoding/json"
	"time"

	"ringback/dialler"
)

// Sample is a made-up message of a kind of campaign c, with the call it is
// about, for a preview or a test where nothing has happened yet. Everything in
// it that may be there is there.
func Sample(kind string, c dialler.Campaign, now time.Time) (dialler.Message, dialler.Call) {
	ended := now.Add(-time.Minute).UTC().Truncate(time.Second)
	analysis := json.RawMessage(`{"callback_requested":true,"callback_preferred_time_text":"tomorrow at 4","callback_reason":"driving",` +
		`"callback_confidence":0.92,"summary":"Interested; wants the renewal terms first.","sentiment":"positive"}`)
	cb := dialler.Callback{
		ID: 7, Contact: 1, Campaign: c.ID, AskedOn: "00000000-0000-4000-8000-000000000001", Chain: 1, Phrase: "tomorrow at 4", Reason: "driving", Confidence: 0.92,
		Requested: ended.Add(-20 * time.Second), Scheduled: ended.Add(24 * time.Hour), Due: ended.Add(24 * time.Hour), Rule: "clock", State: dialler.CallbackWaiting,
	}
	call := dialler.Call{
		Attempt: dialler.Attempt{
			ID: cb.AskedOn, Contact: 1, Campaign: c.ID, Run: 1, Number: "+12025550123", N: 2, Class: dialler.ClassRetry, Trunk: c.Trunk, Bot: c.Bot, Leased: ended.Add(-80 * time.Second),
			Outcome: dialler.Outcome{
				Rang: ended.Add(-78 * time.Second), Answered: ended.Add(-70 * time.Second), Joined: ended.Add(-69 * time.Second), Ended: ended,
				Disposition: dialler.Answered, Cause: dialler.Cause{Q850: 16, SIP: 200, Text: "Normal Clearing"}, Machine: dialler.VerdictHuman,
			},
		},
		Contact:  dialler.Contact{ID: 1, Campaign: c.ID, Number: "+12025550123", Vars: map[string]string{"name": "Asha Rao", "crm_id": "C-1042"}, State: dialler.Completed, Attempts: 2},
		Analysis: analysis,
		Ruling:   dialler.Ruling{Call: cb.AskedOn, Contact: 1, Verdict: dialler.RulingScheduled, Callback: &cb},
	}
	asked := call.Contact
	asked.State, asked.Due = dialler.CallbackScheduled, cb.Due
	var m dialler.Message
	switch kind {
	case dialler.CallAnalysed:
		m = dialler.NewAnalysisMessage(c, call.Attempt, asked, call.Ruling, analysis, ended)
	case dialler.CallbackMade:
		m = dialler.NewCallbackMessage(kind, c, asked, cb, analysis, ended)
	case dialler.CallbackMoved:
		cb.Due = cb.Due.Add(2 * time.Hour)
		asked.Due = cb.Due
		m = dialler.NewCallbackMessage(kind, c, asked, cb, nil, ended)
	case dialler.CallbackOver:
		cb.State, cb.Attempts, cb.Closed = dialler.CallbackCompleted, 1, ended
		m = dialler.NewCallbackMessage(kind, c, call.Contact, cb, nil, ended)
	default:
		m = dialler.NewCallMessage(c, call.Attempt, call.Contact)
	}
	m.ID = 1
	return m, call
}
