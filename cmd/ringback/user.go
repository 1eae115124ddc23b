package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/term"

	"ringback/cmd/ringback/serve"
	"ringback/dialler/api"
	"ringback/dialler/store/sqlite"
	"ringback/dialler/user"
)

type userCommand struct {
	List     userList     `cmd:"" help:"List users."`
	Add      userAdd      `cmd:"" help:"Add a user; the password is asked for, or read from standard input."`
	Remove   userRemove   `cmd:"" help:"Remove a user: their sessions and tokens end at once."`
	Role     userRole     `cmd:"" help:"Give a user another role."`
	Password userPassword `cmd:"" help:"Give a user another password; their sessions end."`
	Token    userToken    `cmd:"" help:"Make a token for a user's program, and show it this once."`
	Tokens   userTokens   `cmd:"" help:"List the tokens of a user."`
	Revoke   userRevoke   `cmd:"" help:"Remove a token of a user."`
}

// Help is shown beneath the commands.
func (userCommand) Help() string {
	return `The first user is made before anybody can sign in: where no Ringback runs, the store is opened by the command itself.
Where one runs on a SQLite file, which has room for one process, the command talks to it with a token of the
configuration (or --server and --token).

Roles: operator may do everything; viewer may look and change nothing; api is for programs, has no password, and may do
everything by the API but manage users.`
}

// An office is where users are managed: the store, or a running Ringback.
type office interface {
	users(ctx context.Context) ([]api.User, error)
	add(ctx context.Context, name, role, password string) error
	remove(ctx context.Context, name string) error
	role(ctx context.Context, name, role string) error
	password(ctx context.Context, name, password string) error
	token(ctx context.Context, name, token string) (secret string, err error)
	tokens(ctx context.Context, name string) ([]api.UserToken, error)
	revoke(ctx context.Context, name, token string) error
	close() error
}

type userFlags struct {
	remoteFlags
}

// at runs f where users are managed.
func (f userFlags) at(ctx context.Context, do func(office) error) (err error) {
	o, err := f.office(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.close()) }()
	return do(o)
}

func (f userFlags) office(ctx context.Context) (office, error) {
	if f.Server == "" {
		cfg, err := f.load()
		if err != nil {
			return nil, err
		}
		s, err := serve.OpenStore(ctx, cfg)
		var inUse *sqlite.InUseError
		if err == nil {
			return ownOffice{s}, nil
		}
		if !errors.As(err, &inUse) {
			return nil, err
		}
	}
	r, err := f.remote()
	if err != nil {
		return nil, err
	}
	return otherOffice{r}, nil
}

// ownOffice is the store, opened by the command.
type ownOffice struct{ s serve.Store }

func (o ownOffice) close() error { return o.s.Close() }

func (o ownOffice) users(ctx context.Context) (out []api.User, err error) {
	list, err := o.s.Users(ctx)
	for _, u := range list {
		out = append(out, api.ShowUser(u))
	}
	return out, err
}

func (o ownOffice) add(ctx context.Context, name, role, password string) error {
	u, err := user.New(name, user.Role(role), password, time.Now())
	if err != nil {
		return err
	}
	return o.s.AddUser(ctx, u)
}

func (o ownOffice) remove(ctx context.Context, name string) error { return o.s.RemoveUser(ctx, name) }

func (o ownOffice) role(ctx context.Context, name, role string) error {
	if err := user.CheckRole(user.Role(role)); err != nil {
		return err
	}
	return o.s.SetRole(ctx, name, user.Role(role))
}

func (o ownOffice) password(ctx context.Context, name, password string) error {
	if err := user.CheckPassword(name, password); err != nil {
		return err
	}
	return o.s.SetPassword(ctx, name, user.Hash(password))
}

func (o ownOffice) token(ctx context.Context, name, token string) (string, error) {
	t, secret, err := user.NewToken(name, token, time.Now())
	if err != nil {
		return "", err
	}
	return secret, o.s.AddToken(ctx, t)
}

func (o ownOffice) tokens(ctx context.Context, name string) (out []api.UserToken, err error) {
	list, err := o.s.Tokens(ctx, name)
	for _, t := range list {
		out = append(out, api.UserToken{Name: t.Name, AddedAt: &t.Added})
	}
	return out, err
}

func (o ownOffice) revoke(ctx context.Context, name, token string) error {
	return o.s.RemoveToken(ctx, name, token)
}

// otherOffice is a running Ringback.
type otherOffice struct{ r *remote }

func (o otherOffice) close() error { return nil }

func at(parts ...string) string {
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return "/v1/users/" + strings.Join(parts, "/")
}

func (o otherOffice) users(ctx context.Context) ([]api.User, error) {
	var list struct {
		Users []api.User `json:"users"`
	}
	err := o.r.do(ctx, http.MethodGet, "/v1/users", nil, &list)
	return list.Users, err
}

func (o otherOffice) add(ctx context.Context, name, role, password string) error {
	in := map[string]string{"name": name, "role": role}
	if password != "" {
		in["password"] = password
	}
	return o.r.do(ctx, http.MethodPost, "/v1/users", in, nil)
}

func (o otherOffice) remove(ctx context.Context, name string) error {
	return o.r.do(ctx, http.MethodDelete, at(name), nil, nil)
}

func (o otherOffice) role(ctx context.Context, name, role string) error {
	return o.r.do(ctx, http.MethodPut, at(name, "role"), map[string]string{"role": role}, nil)
}

func (o otherOffice) password(ctx context.Context, name, password string) error {
	return o.r.do(ctx, http.MethodPut, at(name, "password"), map[string]string{"password": password}, nil)
}

func (o otherOffice) token(ctx context.Context, name, token string) (string, error) {
	var made api.NewUserToken
	err := o.r.do(ctx, http.MethodPost, at(name, "tokens"), map[string]string{"name": token}, &made)
	return made.Token, err
}

func (o otherOffice) tokens(ctx context.Context, name string) ([]api.UserToken, error) {
	var list struct {
		Tokens []api.UserToken `json:"tokens"`
	}
	err := o.r.do(ctx, http.MethodGet, at(name, "tokens"), nil, &list)
	return list.Tokens, err
}

func (o otherOffice) revoke(ctx context.Context, name, token string) error {
	return o.r.do(ctx, http.MethodDelete, at(name, "tokens", token), nil, nil)
}

// readPassword asks for one twice on a terminal, and takes the first line of
// standard input where there is none.
func readPassword(s streams, name string) (string, error) {
	if f, ok := s.in.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		ask := func(what string) (string, error) {
			_, _ = fmt.Fprintf(s.err, "%s: ", what)
			b, err := term.ReadPassword(int(f.Fd()))
			_, _ = fmt.Fprintln(s.err)
			return string(b), err
		}
		first, err := ask("Password of " + name)
		if err != nil {
			return "", err
		}
		again, err := ask("Once more")
		if err == nil && again != first {
			err = errors.New("the two are not the same")
		}
		return first, err
	}
	line, err := bufio.NewReader(io.LimitReader(s.in, 4096)).ReadString('\n')
	if err != nil && (!errors.Is(err, io.EOF) || line == "") {
		return "", errors.New("no password: give it on a line of standard input")
	}
	return strings.TrimRight(line, "\r\n"), nil
}

type userList struct{ userFlags }

func (c userList) Run(ctx context.Context, s streams) error {
	return c.at(ctx, func(o office) error {
		list, err := o.users(ctx)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
		_, _ = fmt.Fprintln(w, "NAME\tROLE\tSIGNS IN\tADDED")
		for _, u := range list {
			_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", u.Name, u.Role, map[bool]string{true: "yes", false: "no"}[u.SignsIn], u.AddedAt.Format(time.DateOnly))
		}
		return w.Flush()
	})
}

type userAdd struct {
	userFlags
	Name string `arg:"" help:"The user's name: a-z, 0-9, dot, hyphen, underscore and @."`
	Role string `required:"" enum:"operator,viewer,api" placeholder:"ROLE" help:"operator, viewer or api."`
}

func (c userAdd) Run(ctx context.Context, s streams) error {
	if err := user.CheckName(c.Name); err != nil {
		return err
	}
	password := ""
	if user.Role(c.Role).May(user.SignIn) {
		var err error
		if password, err = readPassword(s, c.Name); err != nil {
			return err
		}
		if err := user.CheckPassword(c.Name, password); err != nil {
			return err
		}
	}
	return c.at(ctx, func(o office) error {
		if err := o.add(ctx, c.Name, c.Role, password); err != nil {
			return err
		}
		_, err := fmt.Fprintf(s.out, "%s is a user, with the role %s\n", c.Name, c.Role)
		return err
	})
}

// userNamed is what the rest have in common.
type userNamed struct {
	userFlags
	Name string `arg:"" help:"The user's name."`
}

type userRemove struct{ userNamed }

func (c userRemove) Run(ctx context.Context, s streams) error {
	return c.at(ctx, func(o office) error {
		if err := o.remove(ctx, c.Name); err != nil {
			return err
		}
		_, err := fmt.Fprintf(s.out, "%s is removed\n", c.Name)
		return err
	})
}

type userRole struct {
	userNamed
	Role string `arg:"" enum:"operator,viewer,api" help:"operator, viewer or api."`
}

func (c userRole) Run(ctx context.Context, s streams) error {
	return c.at(ctx, func(o office) error {
		if err := o.role(ctx, c.Name, c.Role); err != nil {
			return err
		}
		_, err := fmt.Fprintf(s.out, "%s has the role %s\n", c.Name, c.Role)
		return err
	})
}

type userPassword struct{ userNamed }

func (c userPassword) Run(ctx context.Context, s streams) error {
	password, err := readPassword(s, c.Name)
	if err != nil {
		return err
	}
	return c.at(ctx, func(o office) error {
		if err := o.password(ctx, c.Name, password); err != nil {
			return err
		}
		_, err := fmt.Fprintf(s.out, "%s has another password, and is signed out\n", c.Name)
		return err
	})
}

type userToken struct {
	userNamed
	Token string `arg:"" help:"What it is for: a name of the token's own."`
}

func (c userToken) Run(ctx context.Context, s streams) error {
	return c.at(ctx, func(o office) error {
		secret, err := o.token(ctx, c.Name, c.Token)
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintln(s.err, "The token, shown this once:")
		_, err = fmt.Fprintln(s.out, secret)
		return err
	})
}

type userTokens struct{ userNamed }

func (c userTokens) Run(ctx context.Context, s streams) error {
	return c.at(ctx, func(o office) error {
		list, err := o.tokens(ctx, c.Name)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
		_, _ = fmt.Fprintln(w, "TOKEN\tADDED")
		for _, t := range list {
			_, _ = fmt.Fprintf(w, "%s\t%s\n", t.Name, t.AddedAt.Format(time.DateOnly))
		}
		return w.Flush()
	})
}

type userRevoke struct {
	userNamed
	Token string `arg:"" help:"The token's name."`
}

func (c userRevoke) Run(ctx context.Context, s streams) error {
	return c.at(ctx, func(o office) error {
		if err := o.revoke(ctx, c.Name, c.Token); err != nil {
			return err
		}
		_, err := fmt.Fprintf(s.out, "the token %s of %s opens nothing any more\n", c.Token, c.Name)
		return err
	})
}
