package serve

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"ringback/dialler/api"
)

// sameByAPI is how a program does what a person does by a form of the console:
// the operations of the API for each, or why there are none.
var sameByAPI = map[string]string{
	"POST /sign-in":                            "no: a program has a token",
	"POST /sign-out":                           "no: a program has a token",
	"POST /campaigns/new":                      "POST /v1/campaigns",
	"POST /campaigns/{id}/clone":               "POST /v1/campaigns/{id}/clone",
	"POST /campaigns/{id}/edit":                "PUT /v1/campaigns/{id}",
	"POST /campaigns/{id}/remove":              "DELETE /v1/campaigns/{id}",
	"POST /campaigns/{id}/add":                 "POST /v1/campaigns/{id}/contacts.csv",
	"POST /campaigns/{id}/{event}":             "POST /v1/campaigns/{id}/start, POST /v1/campaigns/{id}/pause, POST /v1/campaigns/{id}/resume, POST /v1/campaigns/{id}/stop, POST /v1/campaigns/{id}/restart",
	"POST /campaigns/{id}/test-call":           "POST /v1/campaigns/{id}/test-call",
	"POST /campaigns/{id}/webhook":             "PUT /v1/campaigns/{id}/webhook, POST /v1/campaigns/{id}/webhook/preview, POST /v1/campaigns/{id}/webhook/test",
	"POST /campaigns/{id}/resend":              "POST /v1/campaigns/{id}/deliveries/resend",
	"POST /deliveries/{id}/resend":             "POST /v1/deliveries/{id}/resend",
	"POST /drafts/{draft}/{step}":              "no: a program has all it enters at once; POST /v1/campaigns",
	"POST /drafts/{draft}/upload":              "no: likewise; POST /v1/campaigns/{id}/contacts.csv",
	"POST /drafts/{draft}/empty":               "no: likewise",
	"POST /drafts/{draft}/discard":             "no: likewise",
	"POST /contacts/{id}/exclude":              "POST /v1/exclusions",
	"POST /contacts/{id}/{what}":               "POST /v1/contacts/{id}/callback/move, POST /v1/contacts/{id}/callback/cancel, POST /v1/contacts/{id}/dial",
	"POST /bots/new":                           "PUT /v1/bots/{name}",
	"POST /bots/{name}/edit":                   "PUT /v1/bots/{name}",
	"POST /bots/{name}/remove":                 "DELETE /v1/bots/{name}",
	"POST /users/new":                          "POST /v1/users",
	"POST /users/{name}/role":                  "PUT /v1/users/{name}/role",
	"POST /users/{name}/password":              "PUT /v1/users/{name}/password",
	"POST /users/{name}/tokens":                "POST /v1/users/{name}/tokens",
	"POST /users/{name}/tokens/{token}/remove": "DELETE /v1/users/{name}/tokens/{token}",
	"POST /users/{name}/remove":                "DELETE /v1/users/{name}",
	"POST /account":                            "PUT /v1/me/password",
	"GET /account":                             "GET /v1/me",
	"GET /users":                               "GET /v1/users",
	"GET /events":                              "no: a program is told by a webhook, PUT /v1/campaigns/{id}/webhook",
	"GET /{$}":                                 "GET /v1/campaigns",
	"GET /campaigns/{id}":                      "GET /v1/campaigns/{id}, GET /v1/campaigns/{id}/counters, GET /v1/campaigns/{id}/calls",
	"GET /campaigns/{id}/contacts":             "GET /v1/campaigns/{id}/contacts",
	"GET /campaigns/{id}/timeline":             "GET /v1/campaigns/{id}/forecast",
	"GET /campaigns/{id}/checklist":            "GET /v1/campaigns/{id}/checklist",
	"GET /campaigns/{id}/webhook":              "GET /v1/campaigns/{id}/webhook",
	"GET /contacts/{id}":                       "GET /v1/contacts/{id}, GET /v1/contacts/{id}/wait, GET /v1/calls/{id}",
	"GET /timeline":                            "GET /v1/campaigns/{id}/forecast", // of each
	"GET /bots":                                "GET /v1/bots",
	"GET /api":                                 "no: it is the page to try the API",
	"GET /deliveries":                          "GET /v1/deliveries",
	"GET /reports":                             "GET /v1/reports/{file}",
	"GET /reports/download":                    "GET /v1/reports/{file}",
}

// onlyForms matches pages that hold nothing but the form of what is done by a
// POST, and what makes up pages.
var onlyForms = regexp.MustCompile(`/(new|edit|add|confirm(/.*)?|\{step\})$|^GET /(static/|sign-in)`)

// Whoever gives the console something new to do gives it to the API, too, or
// says why not.
func TestTheAPIDoesWhatTheConsoleDoes(t *testing.T) {
	w := httptest.NewRecorder()
	api.New(api.Options{}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/openapi.json", nil))
	var doc struct {
		Paths map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	done := maps.Clone(sameByAPI)
	for _, route := range routesOfConsole(t) {
		if strings.HasPrefix(route, "GET ") && onlyForms.MatchString(route) {
			continue
		}
		how, ok := sameByAPI[route]
		delete(done, route)
		if !ok {
			t.Errorf("the console has %s: how does a program do that? Say so in sameByAPI", route)
		}
		if !ok || strings.HasPrefix(how, "no: ") {
			continue
		}
		for _, one := range strings.Split(how, ", ") {
			if method, path, _ := strings.Cut(one, " "); doc.Paths[path][strings.ToLower(method)] == nil {
				t.Errorf("%s: the API has no %s", route, one)
			}
		}
	}
	for route := range done {
		t.Errorf("the console has no %s any more", route)
	}
}

// routesOfConsole reads them from where they are written.
func routesOfConsole(t *testing.T) (routes []string) {
	t.Helper()
	files, err := filepath.Glob("../../../dialler/console/*.go")
	if err != nil {
		t.Fatal(err)
	}
	route := regexp.MustCompile(`mux\.Handle(?:Func)?\("([A-Z]+ [^"]+)"`)
	for _, file := range files {
		code, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range route.FindAllStringSubmatch(string(code), -1) {
			routes = append(routes, m[1])
		}
	}
	slices.Sort(routes)
	if len(routes) < 40 {
		t.Fatalf("only %d routes are found in %d files", len(routes), len(files))
	}
	return routes
}
