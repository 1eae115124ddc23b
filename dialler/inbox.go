package dialler

import "sync"

// An inbox takes the news of one call, in order and without limit, so that
// whoever delivers never waits for whoever reads.
type inbox struct {
	mu    sync.Mutex
	list  []Event
	ready chan struct{} // holds one token while list is not empty
}

func newInbox() *inbox { return &inbox{ready: make(chan struct{}, 1)} }

func (b *inbox) put(ev Event) {
	b.mu.Lock()
	b.list = append(b.list, ev)
	b.mu.Unlock()
	select {
	case b.ready <- struct{}{}:
	default:
	}
}

func (b *inbox) take() []Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := b.list
	b.list = nil
	return list
}
