package server

import (
	"context"
	"net/http"
	"time"

	"guardian/watch"
)

// Marks keeps what people think of verdicts.
type Marks interface {
	// MarkWatch keeps what the caller thinks of a verdict, in the place of what was kept of
	// it before; ErrConflict for a watch without one.
	MarkWatch(ctx context.Context, id string, mark watch.Mark, by Caller) (Watch, error)
}

// Scores adds up verdicts and what people think of them.
type Scores interface {
	// Score adds up the watches that began in [from, to), by service and policy; service "":
	// all.
	Score(ctx context.Context, service string, from, to time.Time) ([]watch.Score, error)
}

// Markable tells whether a verdict can be marked.
func (d watchDetail) Markable() bool { return d.State.Markable() }

const longestNote = 500

func (s *Server) markWatch(marks Marks) handler {
	return func(w http.ResponseWriter, r *http.Request, by Caller) error {
		o, _, err := body(w, r, false)
		if err != nil {
			return err
		}
		mark := o.oneOf("mark", string(watch.MarkRight), string(watch.MarkWrong), string(watch.MarkLate))
		note := o.text("note", longestNote)
		if mark == "" {
			o.wrong("mark", "is needed: right, wrong or late")
		}
		if err := o.done(); err != nil {
			return err
		}
		v, err := marks.MarkWatch(r.Context(), r.PathValue("id"), watch.Mark{Kind: watch.MarkKind(mark), Note: note}, by)
		if err != nil {
			return err
		}
		return writeJSON(w, http.StatusOK, s.viewWatch(v))
	}
}

func (*Server) markForm(marks Marks) handler {
	return func(w http.ResponseWriter, r *http.Request, by Caller) error {
		id, mark, note := r.PathValue("id"), r.PostFormValue("mark"), []rune(r.PostFormValue("note"))
		if err := known("mark", mark, watch.MarkRight, watch.MarkWrong, watch.MarkLate); err != nil || mark == "" {
			return &InvalidError{Fields: []FieldError{{"mark", "is needed: right, wrong or late"}}}
		}
		if _, err := marks.MarkWatch(r.Context(), id, watch.Mark{Kind: watch.MarkKind(mark), Note: string(note[:min(len(note), longestNote)])}, by); err != nil {
			return err
		}
		back(w, r, "/watches/"+id, "mark")
		return nil
	}
}

// scoredDays is how far back the score goes by default.
const scoredDays = 90

func (s *Server) score(scores Scores) handler {
	return func(w http.ResponseWriter, r *http.Request, _ Caller) error {
		f, err := filter(r)
		if err != nil {
			return err
		}
		now := s.now()
		from := f.Since
		if from.IsZero() {
			from = now.AddDate(0, 0, -scoredDays)
		}
		found, err := scores.Score(r.Context(), f.Service, from, now)
		if err != nil {
			return err
		}
		return writeJSON(w, http.StatusOK, map[string]any{"since": from.UTC(), "scores": orEmpty(found)})
	}
}
