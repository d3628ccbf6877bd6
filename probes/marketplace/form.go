package marketplace

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/url"
)

// form returns the fields of a call's body if its type says that it is a form. Of an upload they are
// the parts that are no files.
func form(c Call) (fields map[string]string, ok bool) {
	kind, params, err := mime.ParseMediaType(c.Header.Get("Content-Type"))
	if err != nil {
		return nil, false
	}
	switch kind {
	case "application/x-www-form-urlencoded":
		values, err := url.ParseQuery(string(bytes.TrimSpace(c.Body)))
		if err != nil {
			return nil, false
		}
		fields = map[string]string{}
		for name := range values {
			fields[name] = values.Get(name)
		}
		return fields, true
	case "multipart/form-data":
		return parts(multipart.NewReader(bytes.NewReader(c.Body), params["boundary"]))
	}
	return nil, false
}

func parts(r *multipart.Reader) (fields map[string]string, ok bool) {
	fields = map[string]string{}
	for {
		part, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			return fields, true
		}
		if err != nil {
			return nil, false
		}
		value, err := io.ReadAll(io.LimitReader(part, largest))
		if err != nil {
			return nil, false
		}
		if part.FileName() == "" {
			fields[part.FormName()] = string(value)
		}
	}
}
