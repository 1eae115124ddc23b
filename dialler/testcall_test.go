package dialler_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"ringback/dialler"
)

// A quick store leases who is added before anybody can say another word.
type quick struct {
	list []dialler.Contact
	ends bool // and the call is over as fast
}

func (q *quick) AddContacts(_ context.Context, id dialler.CampaignID, list []dialler.NewContact, _ time.Time) ([]dialler.Duplicate, error) {
	for _, n := range list {
		ct := dialler.Contact{ID: 7, Campaign: id, Number: n.Number, Vars: n.Vars, State: dialler.Dialling}
		if q.ends {
			ct.State, ct.Attempts = dialler.Completed, 1
		}
		q.list = append(q.list, ct)
	}
	return nil, nil
}

func (q *quick) FindContacts(context.Context, dialler.ContactQuery) ([]dialler.Contact, string, error) {
	return q.list, "", nil
}

func (q *quick) Intervene(context.Context, dialler.ContactID, dialler.Intervention, time.Time) (dialler.Intervened, error) {
	return dialler.Intervened{}, &dialler.InterventionError{Kind: dialler.DialNow, Why: "The contact is being dialled at this moment."}
}

func TestPlaceTestWhenTheDiallerIsFirst(t *testing.T) {
	for _, ends := range []bool{false, true} {
		q := &quick{ends: ends}
		done, err := dialler.PlaceTest(t.Context(), q, 1, "+919800000001", "asha", time.Now())
		if err != nil || done.Contact.ID != 7 || done.Says == "" {
			t.Errorf("ends %v: %+v, %v; want it said to be dialled", ends, done, err)
		}
		var refused *dialler.InterventionError
		if _, err := dialler.PlaceTest(t.Context(), q, 1, "+919800000001", "asha", time.Now()); !errors.As(err, &refused) {
			t.Errorf("ends %v: a second time while it is not possible: %v, want a refusal", ends, err)
		}
	}
}
