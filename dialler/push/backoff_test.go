package push

import (
	"testing"
	"time"

	"ringback/dialler"
)

func TestNext(t *testing.T) {
	bad := Answer{Status: 500, Said: "answered 500"}
	at := func(tries int, age time.Duration, a Answer, chance float64) dialler.Try {
		return Next(dialler.Delivery{Tries: tries + 3, Before: 3, Made: noon.Add(-age)}, a, noon, chance)
	}
	for _, tt := range []struct {
		tries int
		age   time.Duration
		a     Answer
		state dialler.DeliveryState
		again time.Duration // with a chance of one half
	}{
		{1, 0, Answer{Status: 204}, dialler.Delivered, 0},
		{1, 0, bad, dialler.DeliveryWaiting, 5 * time.Second},
		{2, 0, bad, dialler.DeliveryWaiting, 10 * time.Second},
		{10, 0, bad, dialler.DeliveryWaiting, 2560 * time.Second},
		{11, 0, bad, dialler.DeliveryWaiting, time.Hour},
		{1000, 0, bad, dialler.DeliveryWaiting, time.Hour},
		{1, 0, Answer{Said: "x", After: 20 * time.Minute}, dialler.DeliveryWaiting, 20 * time.Minute},
		{30, 23*time.Hour + 50*time.Minute, bad, dialler.DeliveryWaiting, 10 * time.Minute}, // the last try is when the day is over
		{30, 24 * time.Hour, bad, dialler.DeliveryDead, 0},
		{1, 30 * time.Hour, bad, dialler.DeliveryWaiting, 5 * time.Second}, // it waited behind another
		{7, 30 * time.Hour, bad, dialler.DeliveryWaiting, 320 * time.Second},
		{8, 30 * time.Hour, bad, dialler.DeliveryDead, 0},
		{1, 30 * time.Hour, Answer{Status: 200}, dialler.Delivered, 0},
	} {
		got := at(tt.tries, tt.age, tt.a, 0.5)
		if got.State != tt.state || got.Again.Round(time.Millisecond) != tt.again || got.Status != tt.a.Status || got.Said != tt.a.Said {
			t.Errorf("try %d after %v: %+v, want %s again in %v", tt.tries, tt.age, got, tt.state, tt.again)
		}
	}
	if least, most := at(1, 0, bad, 0).Again, at(1, 0, bad, 1).Again; least != 4*time.Second || most != 6*time.Second {
		t.Errorf("from %v to %v by chance, want a fifth of 5 s about it", least, most)
	}
}

// The vector of the Standard Webhooks specification.
func TestSign(t *testing.T) {
	got, err := Sign("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`))
	if want := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; err != nil || got != want {
		t.Errorf("got %s %v, want %s", got, err, want)
	}
	if a, b := NewSecret(), NewSecret(); a == b || len(a) != len("whsec_")+44 {
		t.Errorf("%s %s", a, b)
	}
	if _, err := Sign("", "id", noon, nil); err == nil {
		t.Error("signed with no secret")
	}
}
