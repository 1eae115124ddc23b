package push

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"ringback/dialler"
)

// A Desk is what people set webhooks up at. All fields must be given.
type Desk struct {
	Store interface {
		Store
		Campaign(ctx context.Context, id dialler.CampaignID) (dialler.Campaign, error)
	}
	Sender *Sender
	Now    func() time.Time
}

// A Preview is what a mapping makes of a message.
type Preview struct {
	Body     []byte
	Warnings []Warning
	Message  dialler.Message
	Sample   bool // the message is made up: the campaign has had none of that kind
}

// Preview writes the campaign's newest message of a kind by a mapping.
func (d Desk) Preview(ctx context.Context, id dialler.CampaignID, kind, mapping string) (p Preview, err error) {
	if _, err := parse(mapping); err != nil {
		return p, err
	}
	c, err := d.Store.Campaign(ctx, id)
	if err != nil {
		return p, err
	}
	var call dialler.Call
	switch p.Message, err = d.Store.LatestMessage(ctx, id, kind); {
	case errors.Is(err, dialler.ErrNotFound):
		p.Sample = true
		p.Message, call = Sample(kind, c, d.Now())
	case err != nil:
		return p, err
	default:
		if call, err = d.Store.Call(ctx, p.Message.Call); err != nil && !errors.Is(err, dialler.ErrNoCall) {
			return p, err
		}
	}
	facts, err := NewFacts(p.Message, call)
	if err != nil {
		return p, err
	}
	p.Body, p.Warnings, err = Render(mapping, facts)
	return p, err
}

// Test sends what Preview would show to a webhook, once and now, under an ID
// that no message has.
func (d Desk) Test(ctx context.Context, w dialler.Webhook, kind string) (Answer, error) {
	if err := Check(w); err != nil {
		return Answer{}, err
	}
	p, err := d.Preview(ctx, w.Campaign, kind, w.Mapping)
	if err != nil {
		return Answer{}, err
	}
	return d.Sender.Send(ctx, w, "msg_test_"+uuid.NewString(), p.Body), nil
}

// Save checks a webhook and keeps it. One without a secret gets that of the one
// it replaces, or a new one, which is returned: it is not shown again.
func (d Desk) Save(ctx context.Context, w dialler.Webhook) (saved dialler.Webhook, made string, err error) {
	if w, made, err = d.complete(ctx, w); err != nil {
		return w, "", err
	}
	if err := Check(w); err != nil {
		return w, "", err
	}
	w.Changed = d.Now()
	return w, made, d.Store.PutWebhook(ctx, w)
}

// complete gives a webhook a secret if it has none.
func (d Desk) complete(ctx context.Context, w dialler.Webhook) (_ dialler.Webhook, made string, err error) {
	if w.Secret != "" {
		return w, "", nil
	}
	switch was, err := d.Store.Webhook(ctx, w.Campaign); {
	case err == nil:
		w.Secret = was.Secret
	case errors.Is(err, dialler.ErrNotFound):
		w.Secret = NewSecret()
		made = w.Secret
	default:
		return w, "", err
	}
	return w, made, nil
}

// ResendAll puts all of a campaign's dead letters in line again, and says how
// many there were: some at a time, so that nobody waits for long.
func ResendAll(ctx context.Context, s dialler.Deliveries, id dialler.CampaignID, now func() time.Time) (all int, err error) {
	const some = 500
	for {
		n, err := s.ResendDead(ctx, id, some, now())
		all += n
		if err != nil || n < some {
			return all, err
		}
	}
}
