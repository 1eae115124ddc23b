package console

import "net/http"

// tryAPI is the page to try the API on: static/api.js makes it of the
// description that the API serves. The API takes the browser's session where
// the form's token comes with it.
func (c *console) tryAPI(w http.ResponseWriter, r *http.Request, s session) {
	c.show(w, r, http.StatusOK, "api", s, "API", nil)
}
