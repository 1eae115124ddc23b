package esl

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// A frame is one message of the event socket: a block of headers that ends in
// an empty line, and a body of Content-Length bytes where there is one.
//
// The slices belong to the reader and hold until its next call.
type frame struct {
	header []byte // without the empty line
	body   []byte
}

// Content types of frames.
const (
	typeAuth       = "auth/request"
	typeReply      = "command/reply"
	typeAPI        = "api/response"
	typeEvent      = "text/event-plain"
	typeDisconnect = "text/disconnect-notice"
	typeRejection  = "text/rude-rejection"
)

// Limits of a frame. A real header block has some 100 bytes, a real event
// some 10 KB and, with our context on the leg, 60 KB; beyond these limits the
// stream is not FreeSWITCH's.
const (
	maxFrameHeader = 64 << 10
	maxFrameBody   = 16 << 20
)

var errFrame = errors.New("not a frame of the event socket")

// A frameReader cuts the stream of bytes into frames.
type frameReader struct {
	r    *bufio.Reader
	head []byte
	body []byte
}

func newFrameReader(r io.Reader) *frameReader {
	return &frameReader{r: bufio.NewReaderSize(r, 32<<10)}
}

// next returns the next frame; io.EOF between frames, io.ErrUnexpectedEOF
// within one. After any error the stream cannot be read on.
func (fr *frameReader) next() (frame, error) {
	fr.head = fr.head[:0]
	for {
		line, err := fr.r.ReadSlice('\n')
		if len(fr.head)+len(line) > maxFrameHeader {
			return frame{}, fmt.Errorf("%w: header of more than %d bytes", errFrame, maxFrameHeader)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			fr.head = append(fr.head, line...)
			continue
		}
		if err != nil {
			if errors.Is(err, io.EOF) && len(fr.head)+len(line) > 0 {
				err = io.ErrUnexpectedEOF
			}
			return frame{}, err
		}
		if blank(line) && (len(fr.head) == 0 || fr.head[len(fr.head)-1] == '\n') {
			if len(fr.head) == 0 {
				continue // an empty line before the first header means nothing
			}
			break
		}
		fr.head = append(fr.head, line...)
	}
	f := frame{header: fr.head}
	length, err := f.length()
	if err != nil {
		return frame{}, err
	}
	if length == 0 {
		return f, nil
	}
	if cap(fr.body) < length || cap(fr.body) > 1<<20 {
		fr.body = make([]byte, length)
	}
	fr.body = fr.body[:length]
	if _, err := io.ReadFull(fr.r, fr.body); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return frame{}, err
	}
	f.body = fr.body
	return f, nil
}

func blank(line []byte) bool {
	return len(line) == 1 || len(line) == 2 && line[0] == '\r'
}

func (f frame) length() (int, error) {
	v := f.get("Content-Length")
	if v == nil {
		return 0, nil
	}
	n, err := strconv.Atoi(string(v))
	if err != nil || n < 0 || n > maxFrameBody {
		return 0, fmt.Errorf("%w: Content-Length %.40q", errFrame, v)
	}
	return n, nil
}

// get returns a header as it was sent, nil if there is none. Frame headers,
// unlike those of an event, are not encoded.
func (f frame) get(name string) []byte {
	for rest := f.header; len(rest) > 0; {
		var line []byte
		line, rest = cutLine(rest)
		n, v, ok := cutHeader(line)
		if ok && len(n) == len(name) && bytes.EqualFold(n, []byte(name)) {
			return v
		}
	}
	return nil
}

// cutLine returns b's first line, without its end, and what follows.
func cutLine(b []byte) (line, rest []byte) {
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		return b, nil
	}
	line, rest = b[:i], b[i+1:]
	if i > 0 && line[i-1] == '\r' {
		line = line[:i-1]
	}
	return line, rest
}

// cutHeader takes "Name: value" apart.
func cutHeader(line []byte) (name, value []byte, ok bool) {
	i := bytes.IndexByte(line, ':')
	if i <= 0 {
		return nil, nil, false
	}
	value = line[i+1:]
	if len(value) > 0 && value[0] == ' ' {
		value = value[1:]
	}
	return line[:i], value, true
}
