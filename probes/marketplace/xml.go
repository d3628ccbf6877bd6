package marketplace

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"io"
	"maps"
	"strings"
)

// deepest is how many XML elements may be in one another.
const deepest = 32

// fromXML returns the body of an answer in XML as the JSON object that the same API would have
// answered: the root's name and the names in it are members, without their namespaces; elements of
// one name are a list. Platforms answer in XML where no JSON was asked for. Other bodies stay as they
// are, and so does XML that is malformed.
func fromXML(body []byte) []byte {
	text := bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")))
	if len(text) == 0 || len(text) > largest || text[0] != '<' {
		return body
	}
	d := xml.NewDecoder(bytes.NewReader(text))
	d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil } // codes are ASCII
	for {
		token, err := d.Token()
		if err != nil {
			return body
		}
		root, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		value, ok := element(d, deepest)
		if !ok {
			return body
		}
		members, _ := value.(map[string]any)
		if members == nil {
			members = map[string]any{}
		}
		if _, taken := members[root.Name.Local]; !taken {
			members = with(members, root.Name.Local, value)
		}
		out, err := json.Marshal(members)
		if err != nil {
			return body
		}
		return out
	}
}

// with returns a copy of members with one more.
func with(members map[string]any, name string, value any) map[string]any {
	more := map[string]any{name: value}
	maps.Copy(more, members)
	return more
}

// element reads what is in an element until its end: an object if there are elements in it, else its
// text.
func element(d *xml.Decoder, depth int) (any, bool) {
	if depth == 0 {
		return nil, false
	}
	var text strings.Builder
	var members map[string]any
	for {
		token, err := d.Token()
		if err != nil {
			return nil, false
		}
		switch t := token.(type) {
		case xml.CharData:
			text.Write(t)
		case xml.EndElement:
			if members != nil {
				return members, true
			}
			return strings.TrimSpace(text.String()), true
		case xml.StartElement:
			value, ok := element(d, depth-1)
			if !ok {
				return nil, false
			}
			if members == nil {
				members = map[string]any{}
			}
			switch before := members[t.Name.Local].(type) {
			case nil:
				members[t.Name.Local] = value
			case []any:
				members[t.Name.Local] = append(before, value)
			default:
				members[t.Name.Local] = []any{before, value}
			}
		}
	}
}
