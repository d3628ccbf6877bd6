package reason

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Reader is who reads: their language and time zone. The zero value reads English in UTC.
type Reader struct {
	Language string         // zh or en; "" is en
	Location *time.Location // nil: UTC
	Now      time.Time      // times of the same day are told without their date; zero: always with it
}

// Words are what a code says: English and Chinese.
type Words struct{ En, Zh string }

// Lookup gives the words of a code.
func Lookup(code string) (Words, bool) {
	for _, texts := range [...]func(string) (Words, bool){checkWords, verdictWords, runWords, decisionWords, journalWords, onCallWords} {
		if w, ok := texts(code); ok {
			return w, true
		}
	}
	return Words{}, false
}

func (r Reader) zh() bool { return r.Language == "zh" }

// Read puts a reason into words. One whose code is not known (of a newer guardian) is given
// by its code and values.
func (r Reader) Read(why Reason) string {
	switch why.Code {
	case "":
		return ""
	case plain:
		return r.quoted(why.Values["text"].text)
	case joined:
		return r.sentences(why.Values["of"].list)
	}
	w, ok := Lookup(why.Code)
	if !ok {
		return unknown(why)
	}
	pattern := w.En
	if r.zh() {
		pattern = w.Zh
	}
	out, _ := r.fill(pattern, why.Values)
	return out
}

func unknown(why Reason) string {
	if len(why.Values) == 0 {
		return why.Code
	}
	b, err := json.Marshal(why.Values)
	if err != nil {
		return why.Code
	}
	return why.Code + " " + string(b)
}

// quoted gives a text of somebody else, which stays in its own language: in quotes when it is
// a sentence in the midst of Chinese.
func (r Reader) quoted(text string) string {
	if !r.zh() || strings.HasPrefix(text, "“") {
		return text
	}
	words := 0
	for word := range strings.FieldsSeq(text) {
		word = strings.Trim(word, ".,:;()'\"")
		latin := !strings.ContainsFunc(word, func(c rune) bool { return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') })
		if latin && len(word) > 1 {
			words++
		}
	}
	if words < 3 || strings.ContainsFunc(text, func(c rune) bool { return unicode.Is(unicode.Han, c) }) {
		return text
	}
	return "“" + text + "”"
}

// sentences puts one after the other. One that comes from elsewhere and has no end gets a full
// stop.
func (r Reader) sentences(all []Value) string {
	stop, gap := ".", " "
	if r.zh() {
		stop, gap = "。", ""
	}
	var said []string
	for _, v := range all {
		s := strings.TrimSpace(r.value(v))
		if s == "" {
			continue
		}
		if last, _ := utf8.DecodeLastRuneInString(s); !strings.ContainsRune(".!?。！？…", last) {
			s += stop
		}
		said = append(said, s)
	}
	return strings.Join(said, gap)
}

// fill puts values into a pattern; missing says that one of them was empty.
func (r Reader) fill(pattern string, values map[string]Value) (out string, missing bool) {
	var b strings.Builder
	for pattern != "" {
		i := strings.IndexAny(pattern, "{[")
		if i < 0 {
			b.WriteString(pattern)
			break
		}
		b.WriteString(pattern[:i])
		if pattern[i] == '[' {
			end := strings.IndexByte(pattern[i:], ']')
			if end < 0 {
				b.WriteString(pattern[i:])
				break
			}
			if part, empty := r.fill(pattern[i+1:i+end], values); !empty {
				b.WriteString(part)
			}
			pattern = pattern[i+end+1:]
			continue
		}
		end := strings.IndexByte(pattern[i:], '}')
		if end < 0 {
			b.WriteString(pattern[i:])
			break
		}
		said, empty := r.placeholder(pattern[i+1:i+end], values)
		missing = missing || empty
		b.WriteString(said)
		pattern = pattern[i+end+1:]
	}
	return b.String(), missing
}

func (r Reader) placeholder(name string, values map[string]Value) (said string, empty bool) {
	if of, ok := strings.CutSuffix(name, "%"); ok {
		v := values[of]
		return percent(v.number), v.empty()
	}
	if of, ok := strings.CutSuffix(name, ","); ok {
		v := values[of]
		return Grouped(v.number), v.empty()
	}
	if of, ok := strings.CutSuffix(name, "@"); ok {
		v := values[of]
		return r.Date(v.at), v.empty()
	}
	if of, ok := strings.CutSuffix(name, "!"); ok {
		v := values[of]
		return r.guard(v.text), v.empty()
	}
	if of, nouns, ok := strings.Cut(name, ":"); ok {
		one, many, _ := strings.Cut(nouns, "|")
		v := values[of]
		if v.number == 1 {
			return "1 " + one, false
		}
		return r.value(v) + " " + many, v.empty()
	}
	v := values[name]
	if name == "error" && v.kind == text {
		return r.quoted(v.text), v.empty()
	}
	return r.value(v), v.empty()
}

// guard names a guard by its code; one of a newer guardian by the code itself.
func (r Reader) guard(code string) string {
	if name := "guard_name_" + code; code != "" {
		if _, known := Lookup(name); known {
			return r.Read(New(name))
		}
	}
	return code
}

func (r Reader) value(v Value) string {
	switch v.kind {
	case text:
		return v.text
	case number:
		return Number(v.number)
	case instant:
		return r.Clock(v.at)
	case duration:
		return r.Duration(v.took)
	case nested:
		return r.Read(*v.reason)
	case list:
		return r.shortened(v.list)
	case none:
		return ""
	default:
		return ""
	}
}

// maxListed is how many values of a list are named; the others are counted.
const maxListed = 5

// shortened joins the values of a list: "a, b, c, d, e and 3 more".
func (r Reader) shortened(all []Value) string {
	more := 0
	if len(all) > maxListed+1 {
		all, more = all[:maxListed], len(all)-maxListed
	}
	said := make([]string, len(all), len(all)+1)
	for i, one := range all {
		said[i] = r.value(one)
	}
	switch {
	case more == 0:
		return r.List(said)
	case r.zh():
		return r.List(said) + " 等 " + strconv.Itoa(len(all)+more) + " 个"
	default:
		return r.List(append(said, strconv.Itoa(more)+" more"))
	}
}

// List joins names: "a, b and c".
func (r Reader) List(all []string) string {
	if r.zh() {
		return strings.Join(all, "、")
	}
	switch n := len(all); n {
	case 0, 1:
		return strings.Join(all, "")
	default:
		return strings.Join(all[:n-1], ", ") + " and " + all[n-1]
	}
}

// Clock gives a time in the reader's zone, with its date when that is not today's.
func (r Reader) Clock(at time.Time) string {
	if at.IsZero() {
		return "?"
	}
	loc := r.Location
	if loc == nil {
		loc = time.UTC
	}
	at = at.In(loc)
	if r.Now.IsZero() {
		return at.Format("2006-01-02 15:04:05 MST")
	}
	now := r.Now.In(loc)
	switch {
	case at.Year() != now.Year():
		return at.Format("2006-01-02 15:04:05")
	case at.YearDay() != now.YearDay():
		return at.Format("01-02 15:04:05")
	default:
		return at.Format("15:04:05")
	}
}

// Date gives the day of a time in the reader's zone: what happened years ago needs no clock.
func (r Reader) Date(at time.Time) string {
	if at.IsZero() {
		return "?"
	}
	if r.Location != nil {
		at = at.In(r.Location)
	}
	return at.Format(time.DateOnly)
}

// year is a mean year.
const year = 365*24*time.Hour + 6*time.Hour

// Duration gives a span with at most two units: 250 ms, 12 s, 3 min 20 s, 2 h 5 min, 4 d 3 h; from two
// years on in years.
func (r Reader) Duration(d time.Duration) string {
	units := [...]string{" d", " h", " min", " s", " ms"}
	gap := " "
	if r.zh() {
		units = [...]string{" 天", " 小时", " 分钟", " 秒", " 毫秒"}
	}
	if d < 0 {
		return "-" + r.Duration(-d)
	}
	switch {
	case d == 0:
		return "0" + units[3]
	case d >= 2*year && r.zh():
		return strconv.Itoa(int(d/year)) + " 年"
	case d >= 2*year:
		return strconv.Itoa(int(d/year)) + " years"
	case d < time.Second:
		return strconv.FormatInt(d.Round(time.Millisecond).Milliseconds(), 10) + units[4]
	case d < 10*time.Second && d%time.Second != 0:
		return Number(math.Round(d.Seconds()*100)/100) + units[3]
	}
	d = d.Round(time.Second)
	parts := [...]time.Duration{d / (24 * time.Hour), d % (24 * time.Hour) / time.Hour, d % time.Hour / time.Minute, d % time.Minute / time.Second}
	var said []string
	for i, n := range parts {
		if n > 0 {
			said = append(said, strconv.FormatInt(int64(n), 10)+units[i])
		}
		if len(said) == 2 || len(said) == 1 && n == 0 {
			break
		}
	}
	return strings.Join(said, gap)
}

// Number gives a number as people write it: whole ones whole, others with four digits that
// matter.
func Number(v float64) string {
	switch abs := math.Abs(v); {
	case v == math.Trunc(v) && abs < 1e15:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case abs >= 1e15 || abs < 1e-4:
		return strconv.FormatFloat(v, 'g', 4, 64)
	case abs >= 1000:
		return strconv.FormatFloat(v, 'f', 1, 64)
	default:
		digits := max(0, 3-int(math.Floor(math.Log10(abs))))
		return strings.TrimRight(strings.TrimRight(strconv.FormatFloat(v, 'f', digits, 64), "0"), ".")
	}
}

// Grouped gives a number with its thousands apart: 12,345.
func Grouped(v float64) string {
	text := Number(v)
	whole, rest, _ := strings.Cut(text, ".")
	if strings.ContainsAny(text, "eIN") {
		return text
	}
	sign := ""
	if whole[0] == '-' {
		sign, whole = "-", whole[1:]
	}
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if rest != "" {
		whole += "." + rest
	}
	return sign + whole
}

func percent(v float64) string { return Number(math.Round(v*1e6)/1e4) + "%" }
