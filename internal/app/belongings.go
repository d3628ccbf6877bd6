package app

import (
	"os"
	"path/filepath"
	"time"

	"guardian/decide"
	"guardian/internal/series"
)

// dataFiles are what was opened in the data folder. Files that are deleted or replaced stay open:
// everything seems to work, and is lost at the next start.
type dataFiles []dataFile

type dataFile struct {
	path string
	was  os.FileInfo
}

// openedFiles remembers those of the paths that there are.
func openedFiles(folder string) dataFiles {
	var all dataFiles
	for _, name := range []string{"", "series", "journal.db"} {
		path := filepath.Join(folder, name)
		if info, err := os.Stat(path); err == nil {
			all = append(all, dataFile{path, info})
		}
	}
	return all
}

// gone gives the first that is not there any more, or is another one; "": all are there.
func (d dataFiles) gone() string {
	for _, f := range d {
		if now, err := os.Stat(f.path); os.IsNotExist(err) || err == nil && !os.SameFile(f.was, now) {
			return f.path
		}
	}
	return ""
}

// overflowLasts is how long a source counts as one that overflows after a series of it was refused:
// senders write every minute or more often.
const overflowLasts = 2 * time.Minute

// overflows knows which sources of series overflowed lately. Use it from one goroutine.
type overflows struct {
	last map[series.Source]series.Overflow
	at   map[series.Source]time.Time
}

func (o *overflows) measure(now map[series.Source]series.Overflow, at time.Time) []decide.Overflow {
	if o.last == nil {
		o.last, o.at = map[series.Source]series.Overflow{}, map[series.Source]time.Time{}
	}
	var all []decide.Overflow
	for _, by := range series.Sources() {
		if one, ok := now[by]; ok {
			o.last[by], o.at[by] = one, at
		}
		if one, ok := o.last[by]; ok && at.Sub(o.at[by]) < overflowLasts {
			all = append(all, decide.Overflow{
				Source: string(by), Own: by == series.Checks || by == series.Computed, Limit: one.Limit, Metric: one.Metric,
			})
		}
	}
	return all
}
