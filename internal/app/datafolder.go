package app

import (
	"os"
	"path/filepath"
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
