package server

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/prometheus/common/model"

	"guardian/actions"
	"guardian/internal/spelling"
)

// maxBody bounds every JSON body, in bytes.
const maxBody = 64 << 10

// body reads a JSON object. An empty body is an empty object when optional.
func body(w http.ResponseWriter, r *http.Request, optional bool) (*object, string, error) {
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return nil, "", &statusError{http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is larger than %d bytes", maxBody)}
		}
		return nil, "", &statusError{http.StatusBadRequest, "the body could not be read to its end"}
	}
	sum := sha256.Sum256(raw)
	hash := hex.EncodeToString(sum[:])
	if len(bytes.TrimSpace(raw)) == 0 && optional {
		return newObject(nil, ""), hash, nil
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || (kind != "application/json" && !strings.HasSuffix(kind, "+json")) {
		return nil, "", &statusError{http.StatusUnsupportedMediaType, "send JSON, with the header Content-Type: application/json"}
	}
	o, err := parseObject(raw)
	return o, hash, err
}

// parseObject reads the JSON text of an object; what is malformed is answered 400 with its place.
func parseObject(raw []byte) (*object, error) {
	if !utf8.Valid(raw) {
		return nil, &statusError{http.StatusBadRequest, "the body is not UTF-8"}
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	var whole json.RawMessage
	err := json.Unmarshal(raw, &whole) // knows the place of a mistake, which a Decoder within a text does not
	var fields map[string]json.RawMessage
	if err == nil {
		fields, err = members(d)
	}
	if err == nil {
		return newObject(fields, ""), nil
	}
	offset, text := d.InputOffset(), err.Error()
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		offset = syntax.Offset - 1 // it counts the character that is wrong
		if syntax.Offset >= int64(len(raw)) && strings.Contains(text, "unexpected end") {
			text, offset = "it ends too early", int64(len(raw))
		}
	}
	line, column := place(raw, offset)
	return nil, &statusError{http.StatusBadRequest, fmt.Sprintf("the body is not a JSON object: line %d, column %d: %s", line, column, text)}
}

// members reads one object from d, refusing a name that is given twice: which one counts
// would be a guess.
func members(d *json.Decoder) (map[string]json.RawMessage, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	if t != json.Delim('{') {
		return nil, fmt.Errorf("expected {, got %v", t)
	}
	fields := map[string]json.RawMessage{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		name, _ := t.(string)
		if _, twice := fields[name]; twice {
			return nil, fmt.Errorf("%q is given twice", name)
		}
		var v json.RawMessage
		if err := d.Decode(&v); err != nil {
			return nil, err
		}
		fields[name] = v
	}
	_, err = d.Token()
	return fields, err
}

func place(raw []byte, offset int64) (line, column int) {
	before := raw[:min(max(offset, 0), int64(len(raw)))]
	line = 1 + bytes.Count(before, []byte("\n"))
	return line, 1 + utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:])
}

// object is a JSON object that is read field by field; mistakes are collected. null is treated
// as absent.
type object struct {
	fields   map[string]json.RawMessage
	pointer  string
	asked    []string
	mistakes []FieldError
	children []*object
}

func newObject(fields map[string]json.RawMessage, pointer string) *object {
	return &object{fields: fields, pointer: pointer}
}

func (o *object) wrong(name, format string, args ...any) {
	o.mistakes = append(o.mistakes, FieldError{Pointer: o.at(name), Detail: fmt.Sprintf(format, args...)})
}

func (o *object) at(name string) string {
	return o.pointer + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}

// has marks a field as known, and tells whether it is present.
func (o *object) has(name string) (json.RawMessage, bool) {
	o.asked = append(o.asked, name)
	v, ok := o.fields[name]
	return v, ok && string(v) != "null"
}

// text reads a string of at most limit bytes without control characters.
func (o *object) text(name string, limit int) string {
	v, ok := o.has(name)
	if !ok {
		return ""
	}
	var s string
	if json.Unmarshal(v, &s) != nil {
		o.wrong(name, "expected a text, got %s", kindOf(v))
		return ""
	}
	if why := badText(s, limit); why != "" {
		o.wrong(name, "%s", why)
		return ""
	}
	return s
}

func badText(s string, limit int) string {
	switch {
	case len(s) > limit:
		return fmt.Sprintf("is longer than %d bytes", limit)
	case strings.ContainsFunc(s, unicode.IsControl):
		return "has control characters in it"
	case strings.ContainsRune(s, utf8.RuneError):
		return "has a character in it that is not UTF-8"
	default:
		return ""
	}
}

// required reads a text that must not be blank.
func (o *object) required(name string, limit int) string {
	s := o.text(name, limit)
	if why := neededText(s, limit); why != "" && !o.faulty(name) {
		o.wrong(name, "%s", why)
	}
	return s
}

// neededText tells what is wrong with a text that somebody must give; "": nothing.
func neededText(s string, limit int) string {
	if strings.TrimSpace(s) == "" {
		return "is required"
	}
	return badText(s, limit)
}

// faulty reports whether a mistake in one of these fields was found.
func (o *object) faulty(names ...string) bool {
	return slices.ContainsFunc(o.mistakes, func(f FieldError) bool {
		return slices.ContainsFunc(names, func(name string) bool { return f.Pointer == o.at(name) })
	})
}

// version reads a version that a runbook can put back, or put another one in the place of.
func (o *object) version(name string, required bool) string {
	read := o.text
	if required {
		read = o.required
	}
	v := strings.TrimSpace(read(name, maxName))
	if v != "" && !actions.ValidVersion(v) {
		o.wrong(name, "expected "+actions.VersionRule)
	}
	return v
}

func (o *object) flag(name string, otherwise bool) bool {
	v, ok := o.has(name)
	if !ok {
		return otherwise
	}
	var b bool
	if json.Unmarshal(v, &b) != nil {
		o.wrong(name, "expected true or false, got %s", kindOf(v))
	}
	return b
}

// texts reads a list of at most count texts, none empty.
func (o *object) texts(name string, count, limit int) []string {
	v, ok := o.has(name)
	if !ok {
		return nil
	}
	var list []string
	if json.Unmarshal(v, &list) != nil {
		o.wrong(name, "expected a list of texts")
		return nil
	}
	if len(list) > count {
		o.wrong(name, "has more than %d entries", count)
		return nil
	}
	for i, s := range list {
		why := badText(s, limit)
		if s == "" {
			why = "is empty"
		}
		if why != "" {
			o.wrong(name+fmt.Sprintf("\x00%d", i), "%s", why)
		}
	}
	return list
}

func (o *object) time(name string) time.Time {
	s := o.text(name, 64)
	if s == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		o.wrong(name, "expected a time such as 2026-11-22T10:00:00Z, got %q", s)
		return time.Time{}
	}
	return t.UTC()
}

// duration reads a Prometheus duration; 0 when it is left out.
func (o *object) duration(name string) time.Duration {
	s := o.text(name, 64)
	if s == "" {
		return 0
	}
	d, err := model.ParseDuration(s)
	if err != nil || d <= 0 {
		o.wrong(name, "expected a duration such as 30m, got %q", s)
		return 0
	}
	return time.Duration(d)
}

// age reads how long ago something was; 0 when it is left out. Like durations of people it may
// have fractions: 1.5s.
func (o *object) age(name string) time.Duration {
	s := o.text(name, 64)
	if s == "" {
		return 0
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		o.wrong(name, "expected how long ago, such as 14s, got %q", s)
		return 0
	}
	return d
}

// number reads a whole number that fits an exit status; 0 when it is left out.
func (o *object) number(name string) int {
	v, ok := o.has(name)
	if !ok {
		return 0
	}
	var n int
	if json.Unmarshal(v, &n) != nil || n < 0 || n > 255 {
		o.wrong(name, "expected a number from 0 to 255, got %s", v)
		return 0
	}
	return n
}

// hashWithout gives a hash of the object without some fields, whatever the order of the others.
func (o *object) hashWithout(names ...string) string {
	rest := maps.Clone(o.fields)
	for _, n := range names {
		delete(rest, n)
	}
	text, err := json.Marshal(rest)
	if err != nil { // each of them was read as JSON
		return ""
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// oneOf reads a text that must be one of the choices, or left out.
func (o *object) oneOf(name string, choices ...string) string {
	s := o.text(name, 64)
	if s != "" && !slices.Contains(choices, s) {
		o.wrong(name, "%q is not one of %s", s, strings.Join(choices, ", "))
		return ""
	}
	return s
}

func (o *object) object(name string) *object {
	child := newObject(nil, o.at(name))
	o.children = append(o.children, child)
	v, ok := o.has(name)
	if !ok {
		return child
	}
	if v[0] != '{' {
		o.wrong(name, "expected an object, got %s", kindOf(v))
		return child
	}
	fields, err := members(json.NewDecoder(bytes.NewReader(v)))
	if err != nil {
		o.wrong(name, "expected an object: %v", err)
	}
	child.fields = fields
	return child
}

// done gives every mistake as an InvalidError, among them the fields that nobody asked for.
func (o *object) done() error {
	all := o.collect()
	if len(all) == 0 {
		return nil
	}
	for i := range all {
		all[i].Pointer = strings.ReplaceAll(all[i].Pointer, "\x00", "/")
	}
	return &InvalidError{Fields: all}
}

func (o *object) collect() []FieldError {
	for _, name := range slices.Sorted(maps.Keys(o.fields)) {
		if slices.Contains(o.asked, name) {
			continue
		}
		if near := spelling.Meant(name, o.asked); near != "" {
			o.wrong(name, "is not known; did you mean %q?", near)
			continue
		}
		o.wrong(name, "is not known; known are %s", strings.Join(o.asked, ", "))
	}
	all := o.mistakes
	for _, c := range o.children {
		all = append(all, c.collect()...)
	}
	return all
}

func kindOf(v json.RawMessage) string {
	switch v[0] {
	case '"':
		return "a text"
	case '{':
		return "an object"
	case '[':
		return "a list"
	case 't', 'f':
		return string(v)
	default:
		return "a number"
	}
}
