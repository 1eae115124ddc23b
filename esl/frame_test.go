package esl

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
)

// transcripts are what a real FreeSWITCH sent, by name.
func transcripts(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("testdata/*.s2c.bin")
	if err != nil || len(files) < 40 {
		t.Fatalf("%d transcripts (%v)", len(files), err)
	}
	all := map[string][]byte{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all[strings.TrimSuffix(filepath.Base(f), ".s2c.bin")] = b
	}
	return all
}

// Every byte a real FreeSWITCH sent is in one of the frames, in order,
// however it comes in pieces.
func TestReadsTheTranscriptsByteForByte(t *testing.T) {
	for name, sent := range transcripts(t) {
		for how, in := range map[string]io.Reader{
			"at once":      bytes.NewReader(sent),
			"byte by byte": iotest.OneByteReader(bytes.NewReader(sent)),
			"in halves":    iotest.HalfReader(bytes.NewReader(sent)),
		} {
			fr := newFrameReader(in)
			var got []byte
			for {
				f, err := fr.next()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatalf("%s %s: after %d bytes: %v", name, how, len(got), err)
				}
				got = append(append(append(got, f.header...), '\n'), f.body...)
			}
			if !bytes.Equal(got, sent) {
				t.Errorf("%s %s: %d bytes came, %d are in the frames", name, how, len(sent), len(got))
			}
		}
	}
}

// A stream cut anywhere is either whole frames, or told as cut.
func TestAStreamThatEndsWithinAFrameIsNotQuietlyShort(t *testing.T) {
	sent := transcripts(t)["05b-busy-486"]
	whole := map[int]bool{0: true}
	fr := newFrameReader(bytes.NewReader(sent))
	at := 0
	for {
		f, err := fr.next()
		if err != nil {
			break
		}
		at += len(f.header) + 1 + len(f.body)
		whole[at] = true
	}
	for n := range 3000 {
		fr := newFrameReader(bytes.NewReader(sent[:n]))
		var err error
		for err == nil {
			_, err = fr.next()
		}
		want := io.ErrUnexpectedEOF
		if whole[n] {
			want = io.EOF
		}
		if !errors.Is(err, want) {
			t.Fatalf("cut after %d bytes: %v, want %v", n, err, want)
		}
	}
}

func TestRefusesWhatIsNoFrame(t *testing.T) {
	for _, in := range []string{
		"Content-Length: -1\n\n", "Content-Length: 1e9\n\n", "Content-Length: 99999999999999999999\n\n",
		"Content-Length: x\n\n", strings.Repeat("x", maxFrameHeader+2), fmt.Sprintf("Content-Length: %d\n\n", maxFrameBody+1),
	} {
		if _, err := newFrameReader(strings.NewReader(in)).next(); !errors.Is(err, errFrame) {
			t.Errorf("%.40q: %v, want errFrame", in, err)
		}
	}
}

func TestReadsLineEndsOfBothKinds(t *testing.T) {
	fr := newFrameReader(strings.NewReader("\r\nContent-Type: api/response\r\ncontent-length: 3\r\n\r\nabc\nContent-Type: auth/request\n\n"))
	f, err := fr.next()
	if err != nil || string(f.get("Content-Type")) != typeAPI || string(f.body) != "abc" {
		t.Fatalf("got %q %q, %v", f.header, f.body, err)
	}
	if f, err = fr.next(); err != nil || string(f.get("content-type")) != typeAuth || f.body != nil {
		t.Fatalf("got %q %q, %v", f.header, f.body, err)
	}
}

func FuzzFrameReader(f *testing.F) {
	for _, sent := range transcripts(f) {
		f.Add(sent[:min(len(sent), 4000)], uint8(7))
	}
	f.Add([]byte("Content-Length: 3\n\nab"), uint8(1))
	f.Add([]byte("\n\n\r\n: x\nContent-Length:0\n\n"), uint8(2))
	f.Fuzz(func(t *testing.T, in []byte, piece uint8) {
		read := func(r io.Reader) (all []byte, frames int, err error) {
			fr := newFrameReader(r)
			for {
				fm, err := fr.next()
				if err != nil {
					return all, frames, err
				}
				if n, err := fm.length(); err != nil || n != len(fm.body) {
					t.Fatalf("body of %d bytes, Content-Length says %d (%v)", len(fm.body), n, err)
				}
				all = append(append(append(all, fm.header...), 0), fm.body...)
				frames++
			}
		}
		a, n, err := read(bytes.NewReader(in))
		b, m, err2 := read(&pieces{in, int(piece)%64 + 1})
		if !bytes.Equal(a, b) || n != m || errors.Is(err, io.EOF) != errors.Is(err2, io.EOF) {
			t.Fatalf("at once %d frames (%v), in pieces %d (%v)", n, err, m, err2)
		}
	})
}

// pieces gives n bytes at a time.
type pieces struct {
	rest []byte
	n    int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(b[:min(len(b), p.n)], p.rest)
	p.rest = p.rest[n:]
	return n, nil
}
