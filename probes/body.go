package probes

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"guardian/internal/reason"
)

// content is a body as a person reads it: content codings undone, text in UTF-8 and without byte
// order marks. What cannot be decoded is kept as well as it can be, with the reason in unread: what
// is found in it is there, but what is not found may be there.
type content struct {
	body   []byte
	unread reason.Reason // why not all of it could be read; zero: it could
	ascii  bool          // of a body that is not all read: its ASCII characters are as they stand
	broken bool          // its content coding is broken: nobody can read it
}

// maxCodings is how many content codings one body may have on top of each other.
const maxCodings = 4

// understand reads a body of an answer with this header; of what is unpacked at most limit bytes are
// taken. label overrides the character set that the answer declares.
func understand(raw []byte, header http.Header, label string, limit int) (content, error) {
	c := content{body: raw}
	codings := codingsOf(header)
	if len(raw) > 0 && len(codings) > 0 {
		body, err := unpack(raw, codings, limit)
		var unknown unknownCodingError
		switch {
		case errors.Is(err, errBodyTooLong):
			c.body = body
			return c, err
		case errors.As(err, &unknown):
			c.unread = reason.New("body_coding_unknown", "coding", string(unknown))
			return c, nil
		case err != nil:
			c.body, c.broken = body, true
			c.unread = reason.New("body_coding_broken", "coding", strings.Join(codings, ", "), "error", oneLine(err.Error(), 200))
			return c, nil
		}
		c.body = body
	}
	if contentType := header.Get("Content-Type"); isText(c.body, contentType) {
		return readText(c.body, contentType, label), nil
	}
	return c, nil
}

// codingsOf lists the content codings of an answer in the order in which they were applied. identity
// is none, nor are words that servers write there to say so; browsers ignore them, too.
func codingsOf(header http.Header) []string {
	var all []string
	for _, value := range header.Values("Content-Encoding") {
		for one := range strings.SplitSeq(value, ",") {
			switch one = strings.ToLower(strings.TrimSpace(one)); one {
			case "", "identity", "none", "binary", "utf-8":
			default:
				all = append(all, one)
			}
		}
	}
	return all
}

type unknownCodingError string

func (c unknownCodingError) Error() string { return "unknown content coding " + string(c) }

// unpack undoes codings, the last one first, and returns what it could read, up to limit bytes.
func unpack(raw []byte, codings []string, limit int) ([]byte, error) {
	if len(codings) > maxCodings {
		return nil, errors.New("too many content codings")
	}
	var r io.Reader = bytes.NewReader(raw)
	for _, coding := range slices.Backward(codings) {
		next, err := decoder(coding, r)
		if err != nil {
			return nil, err
		}
		defer next.Close()
		// Every layer is bounded: one that is small inside may be large in between.
		r = &bounded{next, limit}
	}
	return io.ReadAll(r)
}

// decoder undoes one content coding (RFC 9110, 8.4.1; RFC 7932; RFC 9659).
func decoder(coding string, r io.Reader) (io.ReadCloser, error) {
	switch coding {
	case "gzip", "x-gzip":
		return gzip.NewReader(r)
	case "deflate":
		// It means zlib, but some servers leave zlib's header out.
		b := bufio.NewReader(r)
		if head, err := b.Peek(2); err == nil && head[0]&0x0f == 8 && (int(head[0])<<8|int(head[1]))%31 == 0 {
			return zlib.NewReader(b)
		}
		return flate.NewReader(b), nil
	case "br":
		return io.NopCloser(brotli.NewReader(r)), nil
	case "zstd":
		d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(8<<20))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	default:
		return nil, unknownCodingError(coding)
	}
}

// bounded is a reader that fails when more than left bytes come.
type bounded struct {
	r    io.Reader
	left int
}

// Read implements io.Reader.
func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p[:min(len(p), b.left+1)])
	if n > b.left {
		n, b.left = b.left, 0
		return n, errBodyTooLong
	}
	b.left -= n
	return n, err
}

// lacks is what it means that something was not found in a body: f, or Unknown if it may be there after
// all. ascii says that it consists of ASCII characters, which can be read where others cannot.
func (c content) lacks(ascii bool, f *fault) *fault {
	if c.unread.IsZero() || c.ascii && ascii {
		return f
	}
	return blind(c.unread)
}

// whole returns a fault if a body that is needed as a whole was not read as a whole.
func (c content) whole() *fault {
	if c.unread.IsZero() {
		return nil
	}
	return blind(c.unread)
}
