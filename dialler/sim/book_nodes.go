package sim

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"ringback/dialler"
)

// Beat is as [dialler.Ledger] says.
func (b *Book) Beat(ctx context.Context, beat dialler.Beat) (silent time.Duration, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	n := beat.Node
	if was, known := b.nodes[n.Name]; known {
		over := beat.Over != nil && beat.Over.Instance == was.Instance && beat.Over.Heard.Equal(was.Heard)
		switch {
		case was.Instance == n.Instance:
			if d := beat.Now.Sub(was.Heard); d > was.TTL {
				silent = d
			}
		case alive(was, beat.Now) && !over:
			was.Alive = true
			return 0, &dialler.NodeTakenError{By: was}
		}
	}
	n.Heard, n.Links = beat.Now, maps.Clone(n.Links)
	b.nodes[n.Name] = n
	maps.DeleteFunc(b.nodes, func(_ string, n dialler.Node) bool { return beat.Now.Sub(n.Heard) > n.TTL+dialler.ForgetNodes })
	return silent, nil
}

func alive(n dialler.Node, now time.Time) bool { return now.Before(n.Heard.Add(n.TTL)) }

// Leave is as [dialler.Ledger] says.
func (b *Book) Leave(_ context.Context, n dialler.Node) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.nodes[n.Name].Instance == n.Instance {
		delete(b.nodes, n.Name)
	}
	return nil
}

// Nodes is as [dialler.Reports] says.
func (b *Book) Nodes(_ context.Context, now time.Time) ([]dialler.Node, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.known(now), nil
}

func (b *Book) known(now time.Time) (out []dialler.Node) {
	for _, n := range b.nodes {
		n.Alive, n.Links = alive(n, now), maps.Clone(n.Links)
		for _, e := range b.live {
			if e.holder == n.Name {
				n.Held++
			}
		}
		out = append(out, n)
	}
	slices.SortFunc(out, func(x, y dialler.Node) int { return cmp.Compare(x.Name, y.Name) })
	return out
}

// Stranded is as [dialler.Ledger] says; the longest begun first.
func (b *Book) Stranded(_ context.Context, now time.Time, hold time.Duration) (out []dialler.Attempt, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	nodes := b.known(now)
	for _, e := range b.live {
		if !now.Before(e.expires.Add(hold)) && dialler.StrandedOn(e.Switch, e.holder, nodes) {
			out = append(out, e.Attempt)
		}
	}
	return out, nil
}
