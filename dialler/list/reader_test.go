package list

import (
	"errors"
	"io"
	"strings"
	"testing"
	"unicode/utf16"
)

func utf16le(s string) string {
	b := []byte{0xff, 0xfe}
	for _, u := range utf16.Encode([]rune(s)) {
		b = append(b, byte(u), byte(u>>8))
	}
	return string(b)
}

func TestFilesThatAreNoList(t *testing.T) {
	for _, tt := range []struct{ file, want string }{
		{utf16le("phone_number\n1\n"), "the file is UTF-16; save it as UTF-8"},
		{"PK\x03\x04rest of a spreadsheet", "the file is a spreadsheet or an archive; save it as CSV"},
		{"phone_number,stra\xdfe\n", "the name of column 2 is not UTF-8"},
		{"\"phone_number\n", "the first line: a quoted field is not closed properly"},
		{"phone_number,a\"b\n", "the first line: a \" in the middle of a field"},
		{"Mobile No,Contact-Number\n", "several columns may hold the phone number (Mobile No, Contact-Number)"},
	} {
		if _, err := NewReader(strings.NewReader(tt.file), 0); err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%q: got %v, want %s", tt.file, err, tt.want)
		}
	}
}

func TestRows(t *testing.T) {
	const file = "\ufeffTelefon,PHONE_NUMBER , Phone\r\n" +
		"a,1,b\r\n" +
		"\r\n" + // nothing at all is not a row
		"\"x\ny\", 2 ,\r\n" +
		"caf\xe9,3,\r\n" +
		",,\r\n" +
		"a\"b,4,\r\n" +
		"\"a\"b,5,\r\n" +
		"a,6,b\r\n" +
		"\"open,7,b\r\n" +
		"a,8,b\r\n"
	l, err := NewReader(strings.NewReader(file), 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []struct {
		line          int
		number, wrong string
	}{
		{2, "1", ""},
		{4, "2", ""},
		{6, "", "Telefon is not UTF-8; save the file as UTF-8"},
		{7, "", "PHONE_NUMBER is empty"},
		{8, "", "a \" in the middle of a field; a field with quotes is written \"…\"\"…\""},
		{9, "", "a quoted field is not closed properly; what follows was taken to be part of it"},
		{10, "6", ""},
		{11, "", "a quoted field is not closed properly; what follows was taken to be part of it"},
	} {
		row, err := l.Next()
		if err != nil {
			t.Fatalf("line %d: %v", want.line, err)
		}
		if row.Line != want.line || row.Wrong != want.wrong || want.wrong == "" && row.Number != want.number {
			t.Errorf("got line %d, number %q, wrong %q; want %+v", row.Line, row.Number, row.Wrong, want)
		}
		if row.Line == 4 && row.Vars["Telefon"] != "x\ny" {
			t.Errorf("a quoted line break: %q", row.Vars["Telefon"])
		}
		if _, ok := row.Vars["PHONE_NUMBER"]; ok {
			t.Error("the number is among the variables")
		}
	}
	if row, err := l.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("after the last: %+v, %v", row, err)
	}
}

func TestDelimiters(t *testing.T) {
	for _, file := range []string{"phone_number,city\n1,Pune\n", "phone_number;city\n1;Pune\n", "phone_number\tcity\n1\tPune\n", "\"city\";\"phone_number\"\nPune;1\n"} {
		l, err := NewReader(strings.NewReader(file), 0)
		if err != nil {
			t.Fatalf("%q: %v", file, err)
		}
		if row, err := l.Next(); err != nil || row.Number != "1" || row.Vars["city"] != "Pune" {
			t.Errorf("%q: got %+v, %v", file, row, err)
		}
	}
}

func FuzzReader(f *testing.F) {
	f.Add("phone_number,a\n1,2\n")
	f.Add("\ufeffphone;b\n\"1\n")
	f.Fuzz(func(t *testing.T, file string) {
		l, err := NewReader(strings.NewReader(file), 0)
		if err != nil {
			return
		}
		last := 0
		for {
			row, err := l.Next()
			if err != nil {
				return
			}
			if row.Line <= last && row.Wrong == "" {
				t.Fatalf("line %d after line %d", row.Line, last)
			}
			last = row.Line
		}
	})
}
