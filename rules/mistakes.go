package rules

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/prometheus/prometheus/model/rulefmt"
)

// Error is one mistake in a rule file.
type Error struct {
	File         string
	Line, Column int // from 1; 0 when not known
	Err          error
	Hint         string // what to do; may be ""
}

// Error gives "file:line:column: what (hint)".
func (e *Error) Error() string {
	var sb strings.Builder
	sb.WriteString(e.File)
	if e.Line > 0 {
		fmt.Fprintf(&sb, ":%d", e.Line)
		if e.Column > 0 {
			fmt.Fprintf(&sb, ":%d", e.Column)
		}
	}
	fmt.Fprintf(&sb, ": %s", e.Err)
	if e.Hint != "" {
		fmt.Fprintf(&sb, " (%s)", e.Hint)
	}
	return sb.String()
}

// Unwrap gives what is wrong.
func (e *Error) Unwrap() error { return e.Err }

var (
	yamlLine     = regexp.MustCompile(`^\s*(?:yaml: )?line (\d+): (.*)$`)
	rulefmtLine  = regexp.MustCompile(`^(\d+):(\d+): (?:\d+:\d+: )?(?s)(.*)$`)
	quoted       = regexp.MustCompile(`"([^"]*)"`)
	unknownField = regexp.MustCompile(`^field (\S+) not found in type rulefmt\.(\w+)$`)
	wrongType    = regexp.MustCompile(`^cannot unmarshal !!(\w+) .*into (\S+)$|^cannot unmarshal !!(\w+) into (\S+)$`)
)

// explain turns one error of the parser, which may hold several, into Errors with their lines.
func explain(file string, err error, where linePositions) []error {
	var re *rulefmt.Error
	if errors.As(err, &re) {
		e := &Error{File: file, Err: fmt.Errorf("group %q, rule %d, %q: %w", re.Group, re.Rule, re.RuleName, innermost(re))}
		if m := rulefmtLine.FindStringSubmatch(re.Error()); m != nil {
			e.Line, _ = strconv.Atoi(m[1])
			e.Column, _ = strconv.Atoi(m[2])
		}
		if e.Line == 0 {
			e.Line, e.Column = where.named(re.Group, re.Rule-1), 0
		}
		return []error{e}
	}
	var all []error
	for line := range strings.Lines(err.Error()) {
		line = strings.TrimSpace(line)
		if line == "" || line == "yaml: unmarshal errors:" {
			continue
		}
		e := &Error{File: file}
		if m := yamlLine.FindStringSubmatch(line); m != nil {
			e.Line, _ = strconv.Atoi(m[1])
			line = m[2]
		} else if m := rulefmtLine.FindStringSubmatch(line); m != nil {
			e.Line, _ = strconv.Atoi(m[1])
			e.Column, _ = strconv.Atoi(m[2])
			line = m[3]
		}
		if e.Line == 0 {
			if m := quoted.FindStringSubmatch(line); m != nil {
				e.Line, e.Column = where.scalar(m[1]), 0
			}
		}
		line, e.Hint = plain(line)
		e.Err = errors.New(line)
		all = append(all, e)
	}
	return all
}

// plain gives an error of the YAML library in terms of the rule file, and a hint what to do.
func plain(line string) (text, hint string) {
	if m := unknownField.FindStringSubmatch(line); m != nil {
		return fmt.Sprintf("unknown field %q", m[1]), nearestHint(m[1], fieldsOf(m[2]))
	}
	if m := wrongType.FindStringSubmatch(line); m != nil {
		is, wanted := m[1]+m[3], m[2]+m[4]
		return fmt.Sprintf("%s cannot be here", kindOf(is)), "it must be " + shapeOf(wanted)
	}
	if strings.Contains(line, "duration") {
		return line, "write a duration such as 30s, 5m or 1h30m"
	}
	return line, ""
}

// kindOf names a YAML tag.
func kindOf(tag string) string {
	switch tag {
	case "seq":
		return "a list"
	case "map":
		return "a mapping"
	case "str":
		return "text"
	default:
		return "a value of type " + tag
	}
}

// shapeOf names what a Go type of rulefmt looks like in a file.
func shapeOf(goType string) string {
	switch {
	case goType == "int":
		return "a whole number"
	case goType == "string":
		return "text"
	case strings.HasPrefix(goType, "map"):
		return "a mapping from names to texts"
	case strings.HasPrefix(goType, "[]"):
		return "a list"
	case strings.EqualFold(goType, "rulefmt.RuleGroups"):
		return "a mapping with the key groups"
	default:
		return "a mapping"
	}
}

// innermost gives what is wrong without its line, which Error gives.
func innermost(re *rulefmt.Error) error {
	if err := re.Err.Unwrap(); err != nil {
		return err
	}
	return re
}

// fieldsOf lists the keys that a group or rule, or the file itself, may have.
func fieldsOf(rulefmtType string) []string {
	switch rulefmtType {
	case "Rule":
		return []string{"record", "alert", "expr", "for", "keep_firing_for", "labels", "annotations"}
	case "RuleGroup":
		return []string{"name", "interval", "query_offset", "limit", "rules", "labels"}
	default:
		return []string{"groups"}
	}
}

// dedupe drops mistakes that both passes of the parser over a file found.
func dedupe(errs []error) []error {
	seen := map[string]bool{}
	var out []error
	for _, err := range errs {
		if !seen[err.Error()] {
			seen[err.Error()] = true
			out = append(out, err)
		}
	}
	return out
}
