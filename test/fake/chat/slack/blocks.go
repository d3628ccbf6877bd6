package slack

import (
	"encoding/json"
	"fmt"
	"slices"
	"unicode/utf16"
)

type block struct {
	Type     string            `json:"type"`
	Text     *text             `json:"text"`
	Fields   []text            `json:"fields"`
	Elements []json.RawMessage `json:"elements"`
}

type text struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

// check returns the texts of blocks and their total length, or the rule of Block Kit that it
// breaks.
func check(blocks []block) (parts []string, total int, err error) {
	if len(blocks) > Blocks {
		return nil, 0, fmt.Errorf("%d blocks", len(blocks))
	}
	take := func(t text, limit int, types ...string) error {
		n := len(utf16.Encode([]rune(t.Text)))
		total += n
		parts = append(parts, t.Text)
		if n == 0 || n > limit || !slices.Contains(types, t.Type) {
			return fmt.Errorf("a %s of %d characters", t.Type, n)
		}
		return nil
	}
	for _, b := range blocks {
		switch b.Type {
		case "header":
			if b.Text == nil {
				return nil, 0, fmt.Errorf("header without text")
			}
			err = take(*b.Text, Header, "plain_text")
		case "section":
			if (b.Text == nil && len(b.Fields) == 0) || len(b.Fields) > Fields {
				return nil, 0, fmt.Errorf("section without text or with %d fields", len(b.Fields))
			}
			if b.Text != nil {
				err = take(*b.Text, Section, "mrkdwn", "plain_text")
			}
			for _, f := range b.Fields {
				if e := take(f, Field, "mrkdwn", "plain_text"); e != nil {
					err = e
				}
			}
		case "context", "actions":
			limit := Elements
			if b.Type == "actions" {
				limit = Actions
			}
			if n := len(b.Elements); n == 0 || n > limit {
				return nil, 0, fmt.Errorf("%s of %d elements", b.Type, n)
			}
		case "divider":
		default:
			return nil, 0, fmt.Errorf("block %q", b.Type)
		}
		if err != nil {
			return nil, 0, err
		}
	}
	return parts, total, nil
}
