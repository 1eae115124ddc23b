package console_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"ringback/dialler"
)

var rowNumber = regexp.MustCompile(`<a href="/contacts/\d+">(?:&#43;|\+)(\d+)</a>`)

// rows are the numbers in the list of a page.
func rows(page string) string {
	var out []string
	_, list, _ := strings.Cut(page, "<tbody>")
	for _, m := range rowNumber.FindAllStringSubmatch(list, -1) {
		out = append(out, m[1][len(m[1])-2:])
	}
	return strings.Join(out, " ")
}

// Contacts are found by status and by how a number begins, in each order.
func TestFindContacts(t *testing.T) {
	h := newHouse(t, func(c *dialler.Campaign, _ *dialler.Bot) { c.Region = "IN" }).signIn()
	h.ring("+919812345601", dialler.Answered, asks)
	h.ring("+919812345602", dialler.Busy, "")
	h.ring("+919912345603", "", "")
	_, err := h.store.AddContacts(t.Context(), h.campaign.ID, []dialler.NewContact{{Number: "+981234567804"}, {Number: "+919812345600"}}, h.now)
	h.must(err)
	for query, want := range map[string]string{
		"":                                  "01 02 03 04 00",
		"order=newest":                      "00 04 03 02 01",
		"order=number":                      "00 01 02 03 04",
		"order=due":                         "02 01",
		"state=pending":                     "00 04",
		"state=dialling":                    "03",
		"state=callback_scheduled":          "01",
		"state=completed":                   "",
		"number=%2B9198":                    "00 01 02",
		"number=98":                         "00 01 02", // national first
		"number=0+98-123":                   "00 01 02",
		"number=9812345678":                 "04", // and abroad, if nobody at home has it
		"number=0091+99":                    "03",
		"number=919812345601":               "01",
		"number=%2B9198&state=pending":      "00",
		"number=%E0%A5%AF%E0%A5%AE":         "00 01 02", // ९८
		"number=%2B44":                      "",
		"number=+":                          "01 02 03 04 00",
		"state=retry_scheduled&order=due":   "02",
		"state=pending&order=due&number=99": "",
	} {
		page := h.page(h.at("/contacts?" + query))
		if got := rows(page); got != want {
			t.Errorf("%s: got %q, want %q", query, got, want)
		}
	}
	page := h.page(h.at("/contacts?state=pending"))
	has(t, page, `<option value="">All (5)</option>`, `<option value="pending" selected>Pending (2)</option>`, "Contacts, by number", `<option value="dialling">Dialling (1)</option>`)
	has(t, h.page(h.at("/contacts?state=completed")), "No such contact.")
	for query, says := range map[string]string{
		"number=Ravi": `got &#34;Ravi&#34;; want digits`, "state=asleep": "State: got", "order=colour": "Order: got", "state=completed&order=due": "a contact that is completed is not due",
		"number=%2B123456789012345678": "Number: got",
	} {
		page := h.page(h.at("/contacts?" + query))
		has(t, page, says, `role="alert"`)
		hasNot(t, page, "No contacts yet", "No such contact")
	}
	for _, after := range []string{"x", "1.x"} {
		if w := h.ask("GET", h.at("/contacts?after="+after), nil); w.Code != 400 {
			t.Errorf("after=%s: %d", after, w.Code)
		}
	}
}

// Pages follow one another in what was looked for.
func TestPagesOfWhatWasFound(t *testing.T) {
	h := newHouse(t).signIn()
	var list []dialler.NewContact
	for i := range 230 {
		list = append(list, dialler.NewContact{Number: dialler.Number(fmt.Sprintf("+9198%08d", i))})
	}
	_, err := h.store.AddContacts(t.Context(), h.campaign.ID, list, h.now)
	h.must(err)
	next := regexp.MustCompile(`href="([^"]+)">Next</a>`)
	for _, query := range []string{"", "?order=newest", "?state=pending", "?number=9198", "?order=number"} {
		seen, path := map[string]bool{}, h.at("/contacts"+query)
		pages := 0
		for path != "" {
			page := h.page(path)
			_, body, _ := strings.Cut(page, "<tbody>")
			for _, m := range rowNumber.FindAllStringSubmatch(body, -1) {
				if seen[m[1]] {
					t.Errorf("%s: %s is on two pages", query, m[1])
				}
				seen[m[1]] = true
			}
			path = ""
			if m := next.FindStringSubmatch(page); m != nil {
				path = strings.ReplaceAll(m[1], "&amp;", "&")
			}
			if pages++; pages > 1 {
				has(t, page, ">First</a>")
			}
		}
		if len(seen) != 230 || pages != 3 {
			t.Errorf("%s: %d contacts on %d pages", query, len(seen), pages)
		}
	}
}

// Calls are found by number in every tab, and the tabs keep what is looked for.
func TestFindCalls(t *testing.T) {
	h := newHouse(t, func(c *dialler.Campaign, _ *dialler.Bot) { c.Region = "IN" }).signIn()
	for i, end := range []dialler.Disposition{dialler.Answered, dialler.Busy, dialler.Answered} {
		h.now = h.now.Add(time.Second)
		h.ring(dialler.Number(fmt.Sprintf("+9198123456%02d", i)), end, map[bool]string{true: asks}[end == dialler.Answered])
	}
	for query, want := range map[string]string{
		"": "02 01 00", "order=oldest": "00 01 02", "number=981234560": "02 01 00", "number=%2B919812345601": "01", "calls=requested": "02 00",
		"calls=requested&order=oldest": "00 02", "calls=pending&number=9812345600": "00", "calls=cancelled&number=98": "", "number=77": "",
	} {
		if got := rows(h.page(h.at("?" + query))); got != want {
			t.Errorf("%s: got %q, want %q", query, got, want)
		}
	}
	page := h.page(h.at("?number=98&order=oldest"))
	has(t, page, `href="`+h.at("?calls=pending&amp;number=98&amp;order=oldest")+`"`, `value="98"`, `<option value="oldest" selected>`)
	has(t, h.page(h.at("?number=77")), "No call here to a number that begins so.")
	has(t, h.page(h.at("?number=Ravi")), "want digits", `aria-invalid="true"`)
	if w := h.ask("GET", h.at("?order=colour"), nil); w.Code != 400 {
		t.Errorf("an order there is not: %d", w.Code)
	}
	var list []dialler.NewContact
	for i := range 101 {
		list = append(list, dialler.NewContact{Number: dialler.Number(fmt.Sprintf("+9177%08d", i))})
	}
	_, err := h.store.AddContacts(t.Context(), h.campaign.ID, list, h.now)
	h.must(err)
	has(t, h.page(h.at("?number=77")), "more than 100 contacts of the campaign")
}

// Both abandon rates, and the average duration, are what the calls say.
func TestRates(t *testing.T) {
	h := newHouse(t, func(c *dialler.Campaign, _ *dialler.Bot) { c.RetryOn = []dialler.Disposition{} }).signIn()
	has(t, h.page(h.at("")), `id="abandoned-answered">–<`, `id="abandoned-people">–<`, `id="talk">–<`)
	n := 0
	ring := func(end dialler.Disposition, talk time.Duration, times int) {
		t.Helper()
		for range times {
			n++
			l := h.ring(dialler.Number(fmt.Sprintf("+91981234%04d", n)), "", "")
			o := dialler.Outcome{Ended: h.now, Disposition: end}
			if end != dialler.Busy {
				o.Answered = h.now.Add(-talk)
			}
			if end == dialler.Answered {
				o.Joined = h.now.Add(-talk)
			}
			_, err := h.store.Settle(t.Context(), l, o)
			h.must(err)
		}
	}
	ring(dialler.Answered, time.Minute, 6)
	ring(dialler.Answered, 2*time.Minute, 3)
	ring(dialler.Machine, time.Second, 10)
	ring(dialler.Abandoned, time.Second, 1)
	ring(dialler.Busy, 0, 4)
	page := h.page(h.at(""))
	has(t, page, `id="abandoned-answered">5.0 %<`, `id="abandoned-people">10.0 %<`, `id="talk">1 min 20 s<`, "1 of 20", "1 of 10", "16 CFR 310.4(b)(4)(i)", "Ofcom")
}
