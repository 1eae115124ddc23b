package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"ringback/dialler/user"
)

// usersPath is where users are managed: an operator's business.
const usersPath = "/v1/users"

// ownPasswordPath is for everybody who signs in to the console.
const ownPasswordPath = "/v1/me/password"

// User is somebody who may use Ringback, on the wire.
type User struct {
	Name    string     `json:"name"`
	Role    string     `json:"role" enum:"operator,viewer,api"`
	SignsIn bool       `json:"signs_in" doc:"has a password, and a role with a console"`
	AddedAt *time.Time `json:"added_at"`
}

// Me is whoever asks.
type Me struct {
	Name string `json:"name"`
	Role string `json:"role" enum:"operator,viewer,api"`
}

// UserToken is a token of a user's programs.
type UserToken struct {
	Name    string     `json:"name"`
	AddedAt *time.Time `json:"added_at"`
}

// NewUserToken is a token that was just made.
type NewUserToken struct {
	UserToken
	Token string `json:"token" doc:"shown this once; only its digest is kept"`
}

// ShowUser is u on the wire.
func ShowUser(u user.User) User {
	return User{u.Name, string(u.Role), u.Password != "" && u.Role.May(user.SignIn), utc(u.Added)}
}

type (
	userPath struct {
		User string `path:"name" maxLength:"64"`
	}
	meOutput  struct{ Body Me }
	usersList struct {
		Body struct {
			Users []User `json:"users"`
		}
	}
	userOutput   struct{ Body User }
	newUserInput struct {
		Body struct {
			Name     string `json:"name" doc:"1 to 64 of a-z, 0-9, dot, hyphen, underscore and @"`
			Role     string `json:"role" enum:"operator,viewer,api"`
			Password string `json:"password,omitempty" doc:"10 to 256 characters; a user of role api needs none"`
		}
	}
	roleInput struct {
		User string `path:"name" maxLength:"64"`
		Body struct {
			Role string `json:"role" enum:"operator,viewer,api"`
		}
	}
	passwordInput struct {
		User string `path:"name" maxLength:"64"`
		Body struct {
			Password string `json:"password" doc:"10 to 256 characters"`
		}
	}
	ownPasswordInput struct {
		Body struct {
			Old      string `json:"old" doc:"the password there is"`
			Password string `json:"password" doc:"10 to 256 characters"`
		}
	}
	tokensList struct {
		Body struct {
			Tokens []UserToken `json:"tokens"`
		}
	}
	newTokenInput struct {
		User string `path:"name" maxLength:"64"`
		Body struct {
			Name string `json:"name" doc:"what it is for; 1 to 64 of a-z, 0-9, dot, hyphen, underscore and @"`
		}
	}
	newTokenOutput struct{ Body NewUserToken }
	tokenPath      struct {
		User  string `path:"name" maxLength:"64"`
		Token string `path:"token" maxLength:"64" doc:"the token's name"`
	}
)

func (a *api) registerUsers(h huma.API) {
	const tag = "users"
	huma.Register(h, operation(tag, http.MethodGet, "/v1/me", "get-me", "Whose token this is, and their role"),
		func(ctx context.Context, _ *struct{}) (*meOutput, error) {
			w := user.From(ctx)
			return &meOutput{Me{w.Name, string(w.Role)}}, nil
		})
	own := operation(tag, http.MethodPut, ownPasswordPath, "change-own-password", "Change one's own password, having given the one there is; one's sessions end", 422)
	own.DefaultStatus = http.StatusNoContent
	huma.Register(h, own, a.changeOwnPassword)
	huma.Register(h, operation(tag, http.MethodGet, usersPath, "list-users", "All users"), a.listUsers)
	add := operation(tag, http.MethodPost, usersPath, "add-user", "Add a user", 409, 422)
	add.DefaultStatus = http.StatusCreated
	huma.Register(h, add, a.addUser)
	one := usersPath + "/{name}"
	huma.Register(h, operation(tag, http.MethodGet, one, "get-user", "One user", 404), a.getUser)
	remove := operation(tag, http.MethodDelete, one, "remove-user", "Remove a user: their sessions and tokens end at once. The last operator who can sign in stays", 404, 409)
	remove.DefaultStatus = http.StatusNoContent
	huma.Register(h, remove, a.removeUser)
	huma.Register(h, operation(tag, http.MethodPut, one+"/role", "set-role", "Give a user another role, at once. The last operator who can sign in stays one", 404, 409, 422), a.setRole)
	password := operation(tag, http.MethodPut, one+"/password", "set-password", "Give a user another password; their sessions end", 404, 422)
	password.DefaultStatus = http.StatusNoContent
	huma.Register(h, password, a.setPassword)
	huma.Register(h, operation(tag, http.MethodGet, one+"/tokens", "list-tokens", "The tokens of a user's programs", 404), a.listTokens)
	token := operation(tag, http.MethodPost, one+"/tokens", "add-token", "Make a token for a user's program; it is shown this once", 404, 409, 422)
	token.DefaultStatus = http.StatusCreated
	huma.Register(h, token, a.addToken)
	drop := operation(tag, http.MethodDelete, one+"/tokens/{token}", "remove-token", "Remove a token: it opens nothing any more", 404)
	drop.DefaultStatus = http.StatusNoContent
	huma.Register(h, drop, a.removeToken)
}

// users is where they are kept.
func (a *api) users() (user.Store, error) {
	if a.Users == nil {
		return nil, huma.Error404NotFound("no users are kept here; tokens are those of http.tokens")
	}
	return a.Users, nil
}

func (a *api) listUsers(ctx context.Context, _ *struct{}) (*usersList, error) {
	s, err := a.users()
	if err != nil {
		return nil, err
	}
	list, err := s.Users(ctx)
	if err != nil {
		return nil, a.problem("list users", err)
	}
	out := &usersList{}
	out.Body.Users = make([]User, 0, len(list))
	for _, u := range list {
		out.Body.Users = append(out.Body.Users, ShowUser(u))
	}
	return out, nil
}

func (a *api) addUser(ctx context.Context, in *newUserInput) (*userOutput, error) {
	s, err := a.users()
	if err != nil {
		return nil, err
	}
	u, err := user.New(in.Body.Name, user.Role(in.Body.Role), in.Body.Password, a.Now())
	if err == nil {
		err = s.AddUser(ctx, u)
	}
	if err != nil {
		return nil, a.problem("add a user", err)
	}
	a.log.Info("a user was added", "user", u.Name, "role", u.Role, "by", user.From(ctx).Name)
	return &userOutput{ShowUser(u)}, nil
}

func (a *api) getUser(ctx context.Context, in *userPath) (*userOutput, error) {
	s, err := a.users()
	if err != nil {
		return nil, err
	}
	u, err := s.User(ctx, in.User)
	if err != nil {
		return nil, a.problem("read a user", err)
	}
	return &userOutput{ShowUser(u)}, nil
}

func (a *api) removeUser(ctx context.Context, in *userPath) (*struct{}, error) {
	s, err := a.users()
	if err == nil {
		err = s.RemoveUser(ctx, in.User)
	}
	if err != nil {
		return nil, a.problem("remove a user", err)
	}
	a.log.Info("a user was removed", "user", in.User, "by", user.From(ctx).Name)
	return nil, nil
}

func (a *api) setRole(ctx context.Context, in *roleInput) (*userOutput, error) {
	s, err := a.users()
	if err != nil {
		return nil, err
	}
	role := user.Role(in.Body.Role)
	if err = user.CheckRole(role); err == nil {
		err = s.SetRole(ctx, in.User, role)
	}
	if err != nil {
		return nil, a.problem("set a role", err)
	}
	a.log.Info("a user was given another role", "user", in.User, "role", role, "by", user.From(ctx).Name)
	return a.getUser(ctx, &userPath{in.User})
}

func (a *api) setPassword(ctx context.Context, in *passwordInput) (*struct{}, error) {
	s, err := a.users()
	if err == nil {
		err = user.CheckPassword(in.User, in.Body.Password)
	}
	if err == nil {
		err = s.SetPassword(ctx, in.User, user.Hash(in.Body.Password))
	}
	if err != nil {
		return nil, a.problem("set a password", err)
	}
	a.log.Info("a user was given another password", "user", in.User, "by", user.From(ctx).Name)
	return nil, nil
}

func (a *api) changeOwnPassword(ctx context.Context, in *ownPasswordInput) (*struct{}, error) {
	w := user.From(ctx)
	err := a.Door.ChangePassword(ctx, w, in.Body.Old, in.Body.Password, "api")
	var pace *user.PaceError
	switch {
	case errors.As(err, &pace):
		return nil, huma.ErrorWithHeaders(huma.Error429TooManyRequests("too many wrong passwords; try again when Retry-After says"),
			http.Header{"Retry-After": {strconv.Itoa(int(pace.Seconds().Seconds()))}})
	case errors.Is(err, user.ErrForbid):
		return nil, huma.Error403Forbidden(w.Name + " has a token of the configuration, and no password")
	case err != nil:
		return nil, a.problem("change a password", err)
	}
	a.log.Info("a user has changed their password", "user", w.Name)
	return nil, nil
}

func (a *api) listTokens(ctx context.Context, in *userPath) (*tokensList, error) {
	s, err := a.users()
	if err != nil {
		return nil, err
	}
	list, err := s.Tokens(ctx, in.User)
	if err != nil {
		return nil, a.problem("list tokens", err)
	}
	out := &tokensList{}
	out.Body.Tokens = make([]UserToken, 0, len(list))
	for _, t := range list {
		out.Body.Tokens = append(out.Body.Tokens, UserToken{t.Name, utc(t.Added)})
	}
	return out, nil
}

func (a *api) addToken(ctx context.Context, in *newTokenInput) (*newTokenOutput, error) {
	s, err := a.users()
	if err != nil {
		return nil, err
	}
	t, secret, err := user.NewToken(in.User, in.Body.Name, a.Now())
	if err == nil {
		err = s.AddToken(ctx, t)
	}
	if err != nil {
		return nil, a.problem("add a token", err)
	}
	a.log.Info("a token was made", "user", t.User, "token", t.Name, "by", user.From(ctx).Name)
	return &newTokenOutput{NewUserToken{UserToken{t.Name, utc(t.Added)}, secret}}, nil
}

func (a *api) removeToken(ctx context.Context, in *tokenPath) (*struct{}, error) {
	s, err := a.users()
	if err == nil {
		err = s.RemoveToken(ctx, in.User, in.Token)
	}
	if err != nil {
		return nil, a.problem("remove a token", err)
	}
	a.log.Info("a token was removed", "user", in.User, "token", in.Token, "by", user.From(ctx).Name)
	return nil, nil
}
