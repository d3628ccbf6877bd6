package config

import (
	"encoding"
	"math"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"

	"guardian/internal/secret"
	"guardian/watch"
)

// scalar fills a text, number, bool or encoding.TextUnmarshaler.
func (d *decoder) scalar(n *yaml.Node, v reflect.Value, path string, f field) {
	_, hidden := v.Addr().Interface().(*secret.Secret)
	expected := expectation(v.Addr().Interface())
	if n.Kind != yaml.ScalarNode || isNull(n) {
		d.add(n, path, "expected "+expected+", got "+d.got(n, hidden), "")
		return
	}
	text, interpolated, ok := d.interpolate(n, path, hidden)
	if !ok {
		return
	}
	wrong := func(problem string) {
		got := d.got(n, hidden)
		if interpolated {
			got = "what " + shorten(n.Value, 60) + " holds"
		}
		d.add(n, path, problem+", got "+got, "")
	}
	if _, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		// A copy, so that the default stays after an error.
		value := reflect.New(v.Type())
		into, _ := value.Interface().(encoding.TextUnmarshaler)
		if err := into.UnmarshalText([]byte(text)); err != nil {
			if problem, ours := problemOf(err, expected); ours {
				d.add(n, path, problem, "")
			} else {
				wrong(problem)
			}
			return
		}
		v.Set(value.Elem())
		if hidden && !openHeader(path, text) {
			d.redactor.Learn(secret.New(text))
		}
		return
	}
	if v.Kind() == reflect.String {
		if len(f.enum) > 0 && !slices.Contains(f.enum, text) {
			wrong("expected one of " + strings.Join(f.enum, ", "))
			return
		}
		if f.path && text != "" {
			text = d.absolute(text)
			// Files are opened only at the start: find missing ones now.
			if info, err := os.Stat(text); err != nil || !info.Mode().IsRegular() {
				d.add(n, path, "there is no file "+text, "paths are relative to the configuration's folder")
				return
			}
		}
		v.SetString(text)
		return
	}
	if expected := setScalar(v, text); expected != "" {
		wrong("expected " + expected)
	}
}

// setScalar parses a boolean or number into v, or returns what was expected.
func setScalar(v reflect.Value, text string) (expected string) {
	switch v.Kind() {
	case reflect.Bool:
		if text != "true" && text != "false" {
			return expectation(v.Addr().Interface())
		}
		v.SetBool(text == "true")
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		i, err := strconv.ParseInt(text, 0, v.Type().Bits())
		if err != nil {
			return expectation(v.Addr().Interface())
		}
		v.SetInt(i)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		u, err := strconv.ParseUint(text, 0, v.Type().Bits())
		if err != nil {
			return "a whole number from 0 on"
		}
		v.SetUint(u)
	case reflect.Float32, reflect.Float64:
		x, err := strconv.ParseFloat(text, v.Type().Bits())
		if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
			return expectation(v.Addr().Interface())
		}
		v.SetFloat(x)
	default:
		return "no value: " + v.Type().String() + " cannot be configured"
	}
	return ""
}

// expectation describes the values of a scalar's type.
func expectation(pointer any) string {
	switch pointer.(type) {
	case *model.Duration:
		return "a duration such as 30m"
	case *time.Time:
		return "a time such as 2026-11-27T00:00:00+08:00"
	case *watch.Share:
		return "a percentage such as 99.9%"
	case *Timezone:
		return "a time zone such as Asia/Shanghai"
	case *Cron:
		return `a schedule such as "*/5 * * * *"`
	case *secret.Secret:
		return "a secret such as ${env:NAME} or ${file:/run/secrets/name}"
	}
	switch reflect.TypeOf(pointer).Elem().Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "a whole number"
	case reflect.Float32, reflect.Float64:
		return "a number"
	default:
		return "text"
	}
}

// problemOf returns the message of an error of our own types, and replaces errors of
// libraries, because they quote the value. complete means that the message needs no "got".
func problemOf(err error, expected string) (problem string, complete bool) {
	text := err.Error()
	if strings.HasPrefix(text, "expected ") {
		before, _, _ := strings.Cut(text, ", got ")
		return before, false
	}
	if expected == "text" {
		return text, true
	}
	return "expected " + expected, false
}
