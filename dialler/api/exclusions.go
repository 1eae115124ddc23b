package api

import (
	"context"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"ringback/dialler"
)

type (
	exclusionsInput struct {
		Body struct {
			Numbers []string `json:"numbers" minItems:"1" maxItems:"10000"`
			Region  string   `json:"region,omitempty" doc:"ISO 3166 region of numbers without +"`
		}
	}
	exclusionsOutput struct {
		Body struct {
			Numbers []string `json:"numbers" doc:"as they were understood, E.164"`
		}
	}
	numberInput struct {
		Number string `path:"number" maxLength:"64" doc:"E.164"`
	}
	exclusionOutput struct {
		Body Exclusion
	}
)

// Exclusion says whether a number is on the do-not-call list.
type Exclusion struct {
	Number   string `json:"number"`
	Excluded bool   `json:"excluded"`
}

func (a *api) registerExclusions(h huma.API) {
	const tag = "exclusions"
	add := operation(tag, http.MethodPost, "/v1/exclusions", "exclude",
		"Never ring these numbers: contacts that wait become excluded and their callbacks cancelled, in every campaign. All of them or, if one is not a number, none", 413, 422)
	add.MaxBodyBytes = maxListBody
	huma.Register(h, add, a.exclude)
	huma.Register(h, operation(tag, http.MethodGet, "/v1/exclusions/{number}", "get-exclusion", "Whether a number is excluded", 422), a.excluded)
	remove := operation(tag, http.MethodDelete, "/v1/exclusions/{number}", "readmit",
		"Take a number off the do-not-call list; contacts stay what they are", 422)
	remove.DefaultStatus = http.StatusNoContent
	huma.Register(h, remove, a.readmit)
}

func (a *api) exclude(ctx context.Context, in *exclusionsInput) (*exclusionsOutput, error) {
	var numbers []dialler.Number
	var bad []error
	out := &exclusionsOutput{}
	for i, s := range in.Body.Numbers {
		n, err := dialler.ParseNumber(s, in.Body.Region)
		if err != nil {
			bad = append(bad, &huma.ErrorDetail{Location: fmt.Sprintf("body.numbers[%d]", i), Value: shorten(s), Message: err.Error()})
			continue
		}
		numbers = append(numbers, n)
		out.Body.Numbers = append(out.Body.Numbers, string(n))
	}
	if bad != nil {
		return nil, huma.Error422UnprocessableEntity("no number was excluded: some are not phone numbers", bad...)
	}
	if err := a.Store.Exclude(ctx, numbers, a.Now()); err != nil {
		return nil, a.problem("exclude numbers", err)
	}
	return out, nil
}

func (in numberInput) read() (dialler.Number, error) {
	n, err := dialler.ParseNumber(in.Number, "")
	if err != nil {
		return "", huma.NewError(http.StatusUnprocessableEntity, "some fields are not right",
			&huma.ErrorDetail{Location: "path.number", Value: in.Number, Message: err.Error()})
	}
	return n, nil
}

func (a *api) excluded(ctx context.Context, in *numberInput) (*exclusionOutput, error) {
	n, err := in.read()
	if err != nil {
		return nil, err
	}
	yes, err := a.Store.Excluded(ctx, n)
	if err != nil {
		return nil, a.problem("look up an exclusion", err)
	}
	return &exclusionOutput{Exclusion{string(n), yes}}, nil
}

func (a *api) readmit(ctx context.Context, in *numberInput) (*struct{}, error) {
	n, err := in.read()
	if err != nil {
		return nil, err
	}
	return nil, a.problem("readmit a number", a.Store.Readmit(ctx, []dialler.Number{n}))
}
