package marketplace

import (
	"encoding/base64"
	"strconv"
	"strings"
)

// sfItem is one member of a list of RFC 9651 whose members are strings with parameters: all
// that the RateLimit fields need. Parameters that are integers are kept, others only read.
type sfItem struct {
	name     string
	integers map[string]int64
	others   map[string]bool
}

// parseList parses a field's lines as a list of strings with parameters (RFC 9651, 4.2.1 and
// 4.2.3). Anything else, also a well-formed list of tokens or inner lists, is malformed here.
// (The library that was tried panicked on a lone "@".)
func parseList(lines []string) ([]sfItem, bool) {
	p := &sfParser{rest: strings.Trim(strings.Join(lines, ","), " ")}
	var list []sfItem
	for p.rest != "" {
		item, ok := p.item()
		if !ok {
			return nil, false
		}
		list = append(list, item)
		p.skip(" \t")
		if p.rest == "" {
			break
		}
		if !p.take(',') {
			return nil, false
		}
		p.skip(" \t")
		if p.rest == "" {
			return nil, false // a trailing comma
		}
	}
	return list, len(list) > 0
}

type sfParser struct{ rest string }

func (p *sfParser) skip(set string) { p.rest = strings.TrimLeft(p.rest, set) }

func (p *sfParser) take(c byte) bool {
	if p.rest == "" || p.rest[0] != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

// while cuts off the longest prefix of bytes for which in is true.
func (p *sfParser) while(in func(c byte) bool) string {
	i := 0
	for i < len(p.rest) && in(p.rest[i]) {
		i++
	}
	cut := p.rest[:i]
	p.rest = p.rest[i:]
	return cut
}

func (p *sfParser) item() (sfItem, bool) {
	item := sfItem{integers: map[string]int64{}, others: map[string]bool{}}
	var ok bool
	if item.name, ok = p.text(); !ok {
		return item, false
	}
	for p.take(';') {
		p.skip(" ")
		key := p.while(isKey)
		if key == "" || !isLower(key[0]) && key[0] != '*' {
			return item, false
		}
		// The last of several parameters of a name counts.
		delete(item.integers, key)
		item.others[key] = true
		if !p.take('=') {
			continue
		}
		n, isInt, ok := p.bare()
		if !ok {
			return item, false
		}
		if isInt {
			delete(item.others, key)
			item.integers[key] = n
		}
	}
	return item, true
}

// text parses a string: quoted, printable ASCII, \" and \\ escaped.
func (p *sfParser) text() (string, bool) {
	if !p.take('"') {
		return "", false
	}
	var b strings.Builder
	for p.rest != "" {
		c := p.rest[0]
		p.rest = p.rest[1:]
		switch {
		case c == '"':
			return b.String(), true
		case c == '\\':
			if p.rest == "" || p.rest[0] != '"' && p.rest[0] != '\\' {
				return "", false
			}
			b.WriteByte(p.rest[0])
			p.rest = p.rest[1:]
		case c < 0x20 || c > 0x7e:
			return "", false
		default:
			b.WriteByte(c)
		}
	}
	return "", false
}

// bare parses any bare item and returns its value if it is an integer.
func (p *sfParser) bare() (n int64, isInt, ok bool) {
	if p.rest == "" {
		return 0, false, false
	}
	switch c := p.rest[0]; {
	case c == '"':
		_, ok = p.text()
		return 0, false, ok
	case c == '-' || isDigit(c):
		return p.number()
	case c == ':': // a byte sequence
		p.rest = p.rest[1:]
		code, rest, cut := strings.Cut(p.rest, ":")
		p.rest = rest
		_, err := base64.StdEncoding.DecodeString(code)
		return 0, false, cut && err == nil
	case c == '?': // a boolean
		p.rest = p.rest[1:]
		return 0, false, p.take('0') || p.take('1')
	case c == '@': // a date
		p.rest = p.rest[1:]
		_, isInt, ok = p.number()
		return 0, false, ok && isInt
	case c == '%': // a display string
		p.rest = p.rest[1:]
		_, ok = p.text()
		return 0, false, ok
	case isAlpha(c) || c == '*': // a token
		p.while(func(c byte) bool { return isAlpha(c) || isDigit(c) || strings.IndexByte("!#$%&'*+-.^_`|~:/", c) >= 0 })
		return 0, false, true
	default:
		return 0, false, false
	}
}

// number parses an integer of at most 15 digits or a decimal of at most 12 and 3.
func (p *sfParser) number() (n int64, isInt, ok bool) {
	negative := p.take('-')
	whole := p.while(isDigit)
	if whole == "" || len(whole) > 15 {
		return 0, false, false
	}
	if p.take('.') {
		part := p.while(isDigit)
		return 0, false, len(whole) <= 12 && part != "" && len(part) <= 3
	}
	n, err := strconv.ParseInt(whole, 10, 64)
	if negative {
		n = -n
	}
	return n, true, err == nil
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
func isLower(c byte) bool { return c >= 'a' && c <= 'z' }
func isAlpha(c byte) bool { return isLower(c) || c >= 'A' && c <= 'Z' }
func isKey(c byte) bool   { return isLower(c) || isDigit(c) || strings.IndexByte("_-.*", c) >= 0 }
