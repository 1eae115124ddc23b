package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"ringback/callback"
	"ringback/dialler"
)

// problem turns an error of the domain or the store into an answer. What it
// does not know is our fault: the client is told no more than that, and the log
// gets the rest.
func (a *api) problem(doing string, err error) error { return a.problemIn("body", doing, err) }

// problemIn is the same of a request whose fields are in another place, as
// "query".
func (a *api) problemIn(place, doing string, err error) error {
	var answered huma.StatusError
	var stuck *dialler.TransitionError
	var refused *dialler.InterventionError
	var used *dialler.UsedError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &answered):
		return err
	case errors.As(err, &stuck):
		return huma.Error409Conflict(stuck.Error())
	case errors.As(err, &used):
		return huma.Error409Conflict(used.Error())
	case errors.As(err, &refused):
		return huma.Error409Conflict(refused.Why)
	case errors.Is(err, dialler.ErrNotFound), errors.Is(err, dialler.ErrNoCall):
		return huma.Error404NotFound(err.Error())
	case errors.Is(err, dialler.ErrLocked), errors.Is(err, dialler.ErrConflict):
		return huma.Error409Conflict(err.Error())
	}
	if details := fieldErrors(place, err); details != nil {
		return huma.Error422UnprocessableEntity("some fields are not right", details...)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		a.log.Error("the store took too long", "doing", doing, "err", err)
		return huma.Error503ServiceUnavailable("the store took too long; try again")
	}
	a.log.Error("a request failed", "doing", doing, "err", err)
	return huma.Error500InternalServerError("the request could not be carried out; the log says why")
}

// fieldErrors returns a detail for each field error in err, or nil if err is
// anything else. Fields are beneath at.
func fieldErrors(at string, err error) []error {
	switch e := err.(type) { //nolint:errorlint // every layer is looked at in turn: joined errors must be taken apart
	case interface{ Unwrap() []error }:
		var all []error
		for _, each := range e.Unwrap() {
			details := fieldErrors(at, each)
			if details == nil {
				return nil
			}
			all = append(all, details...)
		}
		return all
	case *dialler.FieldError:
		return []error{wrong(at+"."+e.Field, plain(e.Got), e.Want)}
	case *callback.FieldError:
		if e.Field == "body" {
			return []error{wrong("body", e.Got, e.Want)}
		}
		return []error{wrong(at+"."+e.Field, plain(e.Got), e.Want)}
	case interface{ Unwrap() error }:
		return fieldErrors(at, e.Unwrap())
	}
	return nil
}

// wrong is the detail of one field.
func wrong(location, got, want string) *huma.ErrorDetail {
	return &huma.ErrorDetail{Location: location, Value: got, Message: "want " + want}
}

// unprocessable is the answer to one field that is wrong.
func unprocessable(location, got, want string) error {
	return huma.NewError(http.StatusUnprocessableEntity, "some fields are not right", wrong(location, got, want))
}

// plain takes the quotes off a value that was written for a sentence.
func plain(got string) string {
	if s, err := strconv.Unquote(got); err == nil {
		return s
	}
	return got
}
