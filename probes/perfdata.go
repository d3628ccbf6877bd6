package probes

import (
	"math"
	"strconv"
	"strings"

	"guardian/probes/sample"
)

// maxPerfdata is the most values of a plugin that become series.
const maxPerfdata = 100

// parsePlugin reads the output of a Nagios plugin: on the first line text and, after a bar,
// performance data; then more lines of text and, after another bar, more performance data up to
// the end. Malformed data is skipped.
func parsePlugin(out string) (words string, values []sample.Value) {
	first, rest, _ := strings.Cut(strings.ReplaceAll(out, "\r\n", "\n"), "\n")
	words, data, _ := strings.Cut(first, "|")
	if _, more, ok := strings.Cut(rest, "|"); ok {
		data += "\n" + more
	}
	return strings.TrimSpace(words), parsePerfdata(data)
}

// parsePerfdata reads 'label'=value[unit];[warn];[crit];[min];[max], separated by blanks. A
// label in quotes may contain blanks, and a doubled quote is one. Labels with blanks and without
// quotes, as NSClient++ writes them, are taken up to their equals sign, as Icinga 2 does. "U" as a
// value says that there is none. Of two values of one label and unit the first counts.
func parsePerfdata(data string) []sample.Value {
	var values []sample.Value
	seen := map[[2]string]bool{}
	for data = strings.TrimSpace(data); data != "" && len(values) < maxPerfdata; data = strings.TrimSpace(data) {
		var label string
		label, data = cutLabel(data)
		end := strings.IndexAny(data, " \t\n")
		if end < 0 {
			end = len(data)
		}
		entry := data[:end]
		data = data[end:]
		text, ok := strings.CutPrefix(entry, "=")
		if !ok || label == "" {
			continue
		}
		text, _, _ = strings.Cut(text, ";")
		v, unit, ok := cutUnit(text)
		name := oneLine(printable(label), 100)
		if !ok || seen[[2]string{name, unit}] {
			continue
		}
		seen[[2]string{name, unit}] = true
		values = append(values, sample.Value{Name: "exec_perfdata", Labels: map[string]string{"name": name, "unit": unit}, V: v})
	}
	return values
}

// cutLabel splits off the label, up to its equals sign.
func cutLabel(data string) (label, rest string) {
	if !strings.HasPrefix(data, "'") {
		end := strings.IndexByte(data, '=')
		if end < 0 {
			return "", ""
		}
		label = data[:end]
		// A line is a label's at most; what stands before it has no value.
		return strings.TrimSpace(label[strings.LastIndexByte(label, '\n')+1:]), data[end:]
	}
	var b strings.Builder
	for i := 1; i < len(data); i++ {
		if data[i] != '\'' {
			b.WriteByte(data[i])
			continue
		}
		if i+1 < len(data) && data[i+1] == '\'' {
			b.WriteByte('\'')
			i++
			continue
		}
		return b.String(), data[i+1:]
	}
	return "", "" // the quote is never closed
}

// cutUnit splits a number from its unit; the decimal point may be a comma, as plugins in some
// languages write it.
func cutUnit(text string) (v float64, unit string, ok bool) {
	end := 0
	for end < len(text) && (text[end] >= '0' && text[end] <= '9' || strings.IndexByte("+-.,", text[end]) >= 0 || exponent(text, end)) {
		end++
	}
	v, err := strconv.ParseFloat(strings.Replace(text[:end], ",", ".", 1), 64)
	if err != nil || math.IsInf(v, 0) {
		return 0, "", false
	}
	return v, oneLine(printable(text[end:]), 20), true
}

// exponent reports whether digits follow the e at i: 1e6 is a number, 5eur is not.
func exponent(text string, i int) bool {
	if (text[i] != 'e' && text[i] != 'E') || i == 0 {
		return false
	}
	rest := strings.TrimLeft(text[i+1:], "+-")
	return rest != "" && rest[0] >= '0' && rest[0] <= '9'
}
