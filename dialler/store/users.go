package store

import (
	"context"
	"fmt"
	"time"

	"ringback/dialler"
	"ringback/dialler/user"
)

var _ user.Store = (*SQL)(nil)

const userColumns = `account.name, account.role, account.password, account.added`

func userDest(u *user.User) []any {
	return []any{&u.Name, &u.Role, text[string]{&u.Password}, stamp{&u.Added}}
}

// fresh turns the refusal of a name that is there into [dialler.ErrConflict].
func (s *SQL) fresh(err error, format string, args ...any) error {
	if err != nil && s.db.Taken(err) {
		return fmt.Errorf(format+": %w", append(args, dialler.ErrConflict)...)
	}
	return err
}

// changed makes of a write that found no row a [dialler.ErrNotFound].
func changed(n int64, err error, format string, args ...any) error {
	if err == nil && n == 0 {
		return notFound(format, args...)
	}
	return err
}

// AddUser is as [user.Store] says.
func (s *SQL) AddUser(ctx context.Context, u user.User) error {
	return s.db.Update(ctx, "add a user", func(t Tx) error {
		_, err := t.Count(`INSERT INTO account (name, role, password, added) VALUES ($1, $2, $3, $4)`, u.Name, u.Role, orNull(u.Password), Micros(u.Added))
		return s.fresh(err, "user %q", u.Name)
	})
}

// User is as [user.Store] says.
func (s *SQL) User(ctx context.Context, name string) (u user.User, err error) {
	err = s.db.View(ctx, "user", func(t Tx) error {
		return missing(first(t, userDest(&u), `SELECT `+userColumns+` FROM account WHERE name = $1`, name), "user %q", name)
	})
	return u, err
}

// Users is as [user.Store] says.
func (s *SQL) Users(ctx context.Context) (out []user.User, err error) {
	err = s.db.View(ctx, "users", func(t Tx) error {
		return t.Read(Rows(func(r Scanner) error {
			var u user.User
			err := r.Scan(userDest(&u)...)
			out = append(out, u)
			return err
		}, `SELECT `+userColumns+` FROM account ORDER BY name`))
	})
	return out, err
}

// notLast is [user.ErrLast] if nobody but name can sign in and manage users. All
// operators are written to first: of two who turn each other out at once, the
// second waits for the first, and is the last then.
func notLast(t Tx, name string) error {
	if err := t.Do(`UPDATE account SET role = role WHERE role = 'operator'`); err != nil {
		return err
	}
	var last bool
	err := t.Read(One(&last, []any{new(int)}, `SELECT 1 FROM account WHERE name = $1 AND role = 'operator' AND password IS NOT NULL
		AND NOT EXISTS (SELECT 1 FROM account other WHERE other.role = 'operator' AND other.password IS NOT NULL AND other.name <> account.name)`, name))
	if err == nil && last {
		return fmt.Errorf("user %q: %w", name, user.ErrLast)
	}
	return err
}

// SetRole is as [user.Store] says.
func (s *SQL) SetRole(ctx context.Context, name string, role user.Role) error {
	return s.db.Update(ctx, "set a role", func(t Tx) error {
		if role != user.Operator {
			if err := notLast(t, name); err != nil {
				return err
			}
		}
		n, err := t.Count(`UPDATE account SET role = $1 WHERE name = $2`, role, name)
		return changed(n, err, "user %q", name)
	})
}

// SetPassword is as [user.Store] says.
func (s *SQL) SetPassword(ctx context.Context, name, hash string) error {
	return s.db.Update(ctx, "set a password", func(t Tx) error {
		n, err := t.Count(`UPDATE account SET password = $1 WHERE name = $2`, orNull(hash), name)
		if err := changed(n, err, "user %q", name); err != nil {
			return err
		}
		return t.Do(`DELETE FROM session WHERE account = $1`, name)
	})
}

// RemoveUser is as [user.Store] says; sessions and tokens go by their keys.
func (s *SQL) RemoveUser(ctx context.Context, name string) error {
	return s.db.Update(ctx, "remove a user", func(t Tx) error {
		if err := notLast(t, name); err != nil {
			return err
		}
		n, err := t.Count(`DELETE FROM account WHERE name = $1`, name)
		return changed(n, err, "user %q", name)
	})
}

// OpenSession is as [user.Store] says.
func (s *SQL) OpenSession(ctx context.Context, x user.Session, now time.Time) error {
	return s.db.Update(ctx, "open a session", func(t Tx) error {
		if err := t.Do(`DELETE FROM session WHERE ends <= $1`, Micros(now)); err != nil {
			return err
		}
		if x.Token != "" {
			return t.Do(`INSERT INTO session (digest, holder, token, ends) VALUES ($1, $2, $3, $4)`, x.Digest, x.Holder, x.Token, Micros(x.Until))
		}
		n, err := t.Count(`INSERT INTO session (digest, account, ends) SELECT $1, name, $2 FROM account WHERE name = $3`, x.Digest, Micros(x.Until), x.Holder)
		return changed(n, err, "user %q", x.Holder)
	})
}

// Session is as [user.Store] says.
func (s *SQL) Session(ctx context.Context, digest string) (x user.Session, err error) {
	err = s.db.View(ctx, "session", func(t Tx) error {
		return missing(first(t, []any{&x.Digest, &x.Holder, text[string]{&x.Token}, stamp{&x.Until}, text[user.Role]{&x.Role}},
			`SELECT session.digest, coalesce(session.account, session.holder), session.token, session.ends, account.role
			FROM session LEFT JOIN account ON account.name = session.account WHERE session.digest = $1`, digest), "session")
	})
	return x, err
}

// CloseSession is as [user.Store] says.
func (s *SQL) CloseSession(ctx context.Context, digest string) error {
	return s.db.Update(ctx, "close a session", func(t Tx) error {
		return t.Do(`DELETE FROM session WHERE digest = $1`, digest)
	})
}

const tokenColumns = `token.digest, token.account, token.name, token.added, account.role`

func tokenDest(k *user.Token) []any {
	return []any{&k.Digest, &k.User, &k.Name, stamp{&k.Added}, &k.Role}
}

// AddToken is as [user.Store] says.
func (s *SQL) AddToken(ctx context.Context, k user.Token) error {
	return s.db.Update(ctx, "add a token", func(t Tx) error {
		n, err := t.Count(`INSERT INTO token (digest, account, name, added) SELECT $1, name, $2, $3 FROM account WHERE name = $4`, k.Digest, k.Name, Micros(k.Added), k.User)
		return s.fresh(changed(n, err, "user %q", k.User), "token %q of user %q", k.Name, k.User)
	})
}

// Tokens is as [user.Store] says.
func (s *SQL) Tokens(ctx context.Context, name string) (out []user.Token, err error) {
	err = s.db.View(ctx, "tokens", func(t Tx) error {
		var found bool
		err := t.Read(
			One(&found, []any{new(int)}, `SELECT 1 FROM account WHERE name = $1`, name),
			Rows(func(r Scanner) error {
				var k user.Token
				err := r.Scan(tokenDest(&k)...)
				out = append(out, k)
				return err
			}, `SELECT `+tokenColumns+` FROM token JOIN account ON account.name = token.account WHERE account.name = $1 ORDER BY token.name`, name))
		if err == nil && !found {
			return notFound("user %q", name)
		}
		return err
	})
	return out, err
}

// RemoveToken is as [user.Store] says.
func (s *SQL) RemoveToken(ctx context.Context, owner, name string) error {
	return s.db.Update(ctx, "remove a token", func(t Tx) error {
		n, err := t.Count(`DELETE FROM token WHERE account = $1 AND name = $2`, owner, name)
		return changed(n, err, "token %q of user %q", name, owner)
	})
}

// Token is as [user.Store] says.
func (s *SQL) Token(ctx context.Context, digest string) (k user.Token, err error) {
	err = s.db.View(ctx, "token", func(t Tx) error {
		return missing(first(t, tokenDest(&k), `SELECT `+tokenColumns+` FROM token JOIN account ON account.name = token.account WHERE token.digest = $1`, digest), "token")
	})
	return k, err
}
