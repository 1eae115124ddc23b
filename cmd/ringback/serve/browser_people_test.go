package serve_test

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"ringback/deploy/lab/browsertest"
	"ringback/dialler"
)

// Who holds the configuration's token makes the first user, who takes over:
// changes their password, makes a token, takes it back, and cannot be lost.
func TestUsersInABrowser(t *testing.T) {
	browsertest.Require(t)
	p := newPBX()
	r := &running{T: t, pbx: p, happening: make(chan dialler.Happening, 10000), log: &journal{}}
	r.Process = startWith(t, house(t), p, r)
	b := signedIn(t, r)
	b.Click(".nav a[href='/users']")
	b.Shows("h2", "No users yet")
	b.Click("#new-user")
	b.Fill("name", "Asha")
	b.Leave()
	b.Shows("#wrong-name", `Got "Asha"; want 1 to 64 of a-z`)
	b.Fill("password", "short")
	b.Leave()
	b.Shows("#wrong-password", "Got 5 characters; want 10 to 256.")
	b.Shot("new-user")
	b.Fill("name", "asha")
	b.Eval("document.querySelector('#f-role').value = 'operator'")
	b.Fill("password", "correct horse battery")
	b.Click("#save")
	b.Shows("#said", "User added.")
	b.Shows("#user-asha", "operator")
	b.Shot("users")

	b.Go("/account")
	b.Shows("main", "You came by a token of the configuration")
	b.Click(".out button")
	b.Shows("h1", "Sign in")
	b.Run("sign in", chromedp.SendKeys("#name", "asha"), chromedp.SendKeys("#password", "correct horse battery"+kb.Enter))
	b.Shows("h1", "Campaigns")
	b.Click(".holder a")
	b.Fill("old", "correct horse battery")
	b.Fill("password", "nine lives of cats")
	b.Fill("again", "nine lives of dogs")
	b.Leave()
	b.Shows("#wrong-again", "want the new password once more")
	b.Shot("account")
	b.Fill("again", "nine lives of cats")
	b.Click("#save")
	b.Shows("#said", "Password changed.")

	b.Go("/users/asha/edit")
	b.Fill("name", "crm-push")
	b.Click("#save-token")
	b.Shows("#secret code", "rb_")
	b.Shot("user")
	b.Click("#revoke-crm-push")
	b.Shows("dialog", "Remove the token crm-push of asha?")
	b.Click("dialog .danger")
	b.Shows("#said", "Token removed")
	b.Until("!document.querySelector('#tokens')")
	b.Click("#remove")
	b.Shows("dialog", "That is you")
	b.Click("dialog .danger")
	b.Shows("#failed", "make another one first")
	b.Refused("/users/asha/remove")
	b.Faults()
}
