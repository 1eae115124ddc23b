package store

import (
	"context"
	"time"

	"ringback/dialler"
)

const nodeColumns = `node.name, node.instance, node.host, node.pid, node.machine, node.version, node.started, node.ttl,
	node.links, node.draining, node.heard`

// nodeDest is where nodeColumns go.
func nodeDest(n *dialler.Node) []any {
	return []any{&n.Name, &n.Instance, &n.Process.Host, &n.Process.PID, &n.Process.Machine, &n.Version, stamp{&n.Started}, span{&n.TTL},
		list[map[string]bool]{&n.Links}, &n.Draining, stamp{&n.Heard}}
}

// Beat is as [dialler.Ledger] says.
func (s *SQL) Beat(ctx context.Context, b dialler.Beat) (silent time.Duration, err error) {
	n := b.Node
	var over dialler.Node
	if b.Over != nil {
		over = *b.Over
	}
	err = s.db.Update(ctx, "beat", func(t Tx) error {
		silent = 0
		var was dialler.Node
		var clock int64
		var found, kept bool
		now := s.db.Clock("$1")
		if err := t.Read(
			One(&found, append(nodeDest(&was), &clock), `SELECT `+nodeColumns+`, `+now+` FROM node WHERE name = $2`, b.Now.UnixMicro(), n.Name),
			One(&kept, []any{new(int64)}, `INSERT INTO node (name, instance, host, pid, machine, version, started, ttl, links, draining, heard, expires)
				VALUES ($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, `+now+`, `+now+` + $9)
				ON CONFLICT (name) DO UPDATE SET instance = excluded.instance, host = excluded.host, pid = excluded.pid, machine = excluded.machine,
					version = excluded.version, started = excluded.started, ttl = excluded.ttl, links = excluded.links, draining = excluded.draining,
					heard = excluded.heard, expires = excluded.expires
				WHERE node.instance = excluded.instance OR node.expires <= excluded.heard OR node.instance = $12 AND node.heard = $13
				RETURNING 1`,
				b.Now.UnixMicro(), n.Name, n.Instance, n.Process.Host, n.Process.PID, n.Process.Machine, n.Version, Micros(n.Started), n.TTL.Microseconds(),
				jsonOrNull(n.Links, n.Links == nil), n.Draining, over.Instance, Micros(over.Heard)),
		); err != nil {
			return err
		}
		if !kept {
			// It may have been written since it was read.
			if err := first(t, nodeDest(&was), `SELECT `+nodeColumns+` FROM node WHERE name = $1`, n.Name); err != nil {
				return err
			}
			was.Alive = true
			return &dialler.NodeTakenError{By: was}
		}
		if heard := time.UnixMicro(clock); found && was.Instance == n.Instance && heard.Sub(was.Heard) > was.TTL {
			silent = heard.Sub(was.Heard)
		}
		return t.Do(`DELETE FROM node WHERE expires < `+now+` - $2`, b.Now.UnixMicro(), dialler.ForgetNodes.Microseconds())
	})
	return silent, err
}

// Leave is as [dialler.Ledger] says.
func (s *SQL) Leave(ctx context.Context, n dialler.Node) error {
	return s.db.Update(ctx, "leave", func(t Tx) error {
		return t.Do(`DELETE FROM node WHERE name = $1 AND instance = $2`, n.Name, n.Instance)
	})
}

// Nodes is as [dialler.Reports] says.
func (s *SQL) Nodes(ctx context.Context, now time.Time) (out []dialler.Node, err error) {
	err = s.db.View(ctx, "nodes", func(t Tx) error {
		out = nil
		return t.Read(s.nodes(&out, now))
	})
	return out, err
}

func (s *SQL) nodes(out *[]dialler.Node, now time.Time) Query {
	return Rows(func(r Scanner) error {
		var n dialler.Node
		err := r.Scan(append(nodeDest(&n), &n.Alive, &n.Held)...)
		*out = append(*out, n)
		return err
	}, `SELECT `+nodeColumns+`, node.expires > `+s.db.Clock("$1")+`, (SELECT count(*) FROM live WHERE live.node = node.name)
		FROM node ORDER BY node.name`, now.UnixMicro())
}

// Stranded is as [dialler.Ledger] says; the longest begun first.
func (s *SQL) Stranded(ctx context.Context, now time.Time, hold time.Duration) (out []dialler.Attempt, err error) {
	err = s.db.View(ctx, "stranded", func(t Tx) error {
		out = nil
		var nodes []dialler.Node
		type held struct {
			dialler.Attempt
			by string
		}
		var lapsed []held
		if err := t.Read(s.nodes(&nodes, now), Rows(func(r Scanner) error {
			var h held
			err := r.Scan(append(AttemptDest(&h.Attempt), &h.by)...)
			lapsed = append(lapsed, h)
			return err
		}, `SELECT `+AttemptColumns+`, live.node FROM live JOIN attempt ON attempt.id = live.call_id
			WHERE live.expires <= `+s.db.Clock("$1")+` - $2 ORDER BY attempt.leased, attempt.id`, now.UnixMicro(), hold.Microseconds())); err != nil {
			return err
		}
		for _, h := range lapsed {
			if dialler.StrandedOn(h.Switch, h.by, nodes) {
				out = append(out, h.Attempt)
			}
		}
		return nil
	})
	return out, err
}
