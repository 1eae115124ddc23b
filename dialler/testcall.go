package dialler

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// TestVariable marks a contact that is there for test calls, by its being among
// the contact's variables. The bot is told it as it is told all of them. A test
// call is an ordinary attempt on an ordinary contact, so that it shows what a
// customer would meet, and it counts as one.
const TestVariable = "ringback_test"

// IsTest reports whether the contact is there for test calls.
func (ct Contact) IsTest() bool { _, is := ct.Vars[TestVariable]; return is }

// A TestStore is what placing a test call needs of a store.
type TestStore interface {
	AddContacts(ctx context.Context, id CampaignID, list []NewContact, now time.Time) ([]Duplicate, error)
	FindContacts(ctx context.Context, q ContactQuery) (contacts []Contact, next string, err error)
	Intervene(ctx context.Context, id ContactID, i Intervention, now time.Time) (Intervened, error)
}

// PlaceTest has a number dialled now in a campaign, as a test: it is added to
// the list, marked, unless it is there from a test before. The error is an
// [*InterventionError] or a [*FieldError] on "number" if that cannot be.
func PlaceTest(ctx context.Context, s TestStore, id CampaignID, n Number, by string, now time.Time) (Intervened, error) {
	find := func() (ct Contact, ok bool, err error) {
		found, _, err := s.FindContacts(ctx, ContactQuery{Campaign: id, Number: string(n), Limit: 1})
		if err != nil || len(found) == 0 || found[0].Number != n {
			return ct, false, err
		}
		return found[0], true, nil
	}
	ct, ok, err := find()
	added := err == nil && !ok
	if added {
		if _, err = s.AddContacts(ctx, id, []NewContact{{Number: n, Vars: map[string]string{TestVariable: "yes"}}}, now); err == nil {
			ct, ok, err = find()
		}
	}
	switch {
	case err != nil:
		return Intervened{}, err
	case !ok:
		return Intervened{}, fmt.Errorf("contact %s of campaign %d, just added: %w", n, id, ErrNotFound)
	case !ct.IsTest():
		return Intervened{}, &FieldError{"number", fmt.Sprintf("%q, which is on the campaign's list", n), "a number of yours; to ring a contact of the list use Dial now on its page"}
	}
	done, err := s.Intervene(ctx, ct.ID, Intervention{Kind: DialNow, By: by}, now)
	var refused *InterventionError
	if added && errors.As(err, &refused) {
		// A line was free, and the dialler was there first.
		if ct, ok, err := find(); err == nil && ok && (ct.State == Dialling || ct.Attempts > 0) {
			return Intervened{Contact: ct, Says: "It is being dialled."}, nil
		}
	}
	return done, err
}
