package farend_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"ringback/deploy/lab/farend"
)

// TestPhoneBookIsPrinted keeps the two printed copies of the phone book true.
func TestPhoneBookIsPrinted(t *testing.T) {
	for file, form := range map[string]string{"doc.go": "//\t%s  %s\n", "../../../docs/lab.md": "| %s | %s |\n"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range farend.PhoneBook() {
			if want := fmt.Sprintf(form, l.Digits, l.What); !strings.Contains(string(text), want) {
				t.Errorf("%s lacks the line %q", file, want)
			}
		}
	}
}
