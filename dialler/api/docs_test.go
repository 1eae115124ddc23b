package api_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"ringback/dialler/api"
)

// spec is the OpenAPI document that the code makes.
func spec(t *testing.T) map[string]any {
	t.Helper()
	w := httptest.NewRecorder()
	api.New(api.Options{Version: "1.2.3"}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/openapi.json", nil))
	var doc map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil || w.Code != http.StatusOK {
		t.Fatalf("%d %v", w.Code, err)
	}
	return doc
}

func TestEveryRouteIsOnThePageForPeople(t *testing.T) {
	page, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	routes := 0
	for path, methods := range spec(t)["paths"].(map[string]any) {
		for method := range methods.(map[string]any) {
			routes++
			if want := "`" + strings.ToUpper(method) + " " + path; !strings.Contains(string(page), want+"`") && !strings.Contains(string(page), want+"?") {
				t.Errorf("docs/api.md lacks %s`", want)
			}
		}
	}
	if routes < 25 {
		t.Errorf("the description has %d routes; there are more", routes)
	}
}

func TestTheDescription(t *testing.T) {
	doc := spec(t)
	if doc["openapi"] != "3.1.0" || doc["info"].(map[string]any)["version"] != "1.2.3" {
		t.Errorf("%v %v, want OpenAPI 3.1.0 of version 1.2.3", doc["openapi"], doc["info"])
	}
	ids := map[string]string{}
	for path, methods := range doc["paths"].(map[string]any) {
		for method, op := range methods.(map[string]any) {
			o := op.(map[string]any)
			id := o["operationId"].(string)
			if ids[id] != "" {
				t.Errorf("%s and %s %s have one operationId, %s", ids[id], method, path, id)
			}
			ids[id] = method + " " + path
			_, guarded := o["security"]
			if guarded != strings.HasPrefix(path, "/v1/") {
				t.Errorf("%s %s: needs a token: %v", method, path, guarded)
			}
			if guarded && o["responses"].(map[string]any)["401"] == nil {
				t.Errorf("%s %s does not say that it may answer 401", method, path)
			}
		}
	}
	analysis := doc["paths"].(map[string]any)["/v1/calls/{id}/analysis"].(map[string]any)["post"].(map[string]any)
	schema := analysis["requestBody"].(map[string]any)["content"].(map[string]any)["application/json"].(map[string]any)["schema"].(map[string]any)
	if schema["properties"].(map[string]any)["callback_requested"] == nil {
		t.Errorf("the analysis is not described: %v", schema)
	}
	refs := map[string]bool{}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if ref, ok := v["$ref"].(string); ok {
				refs[strings.TrimPrefix(ref, "#/components/schemas/")] = true
			}
			for _, e := range v {
				walk(e)
			}
		case []any:
			for _, e := range v {
				walk(e)
			}
		}
	}
	walk(doc)
	schemas := doc["components"].(map[string]any)["schemas"].(map[string]any)
	for ref := range refs {
		if schemas[ref] == nil {
			t.Errorf("$ref to %s, which is not there", ref)
		}
	}
}
