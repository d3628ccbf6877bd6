package selfcheck

import (
	"os"
	"path/filepath"
)

// Files are what was opened in the data folder. Files that are deleted or replaced stay open:
// everything seems to work, and is lost at the next start.
type Files struct {
	folder string
	opened []file
}

type file struct {
	path string
	was  os.FileInfo
}

// OpenedFiles remembers those of the paths that there are.
func OpenedFiles(folder string) Files {
	all := Files{folder: folder}
	for _, name := range []string{"", "series", "journal.db"} {
		path := filepath.Join(folder, name)
		if info, err := os.Stat(path); err == nil {
			all.opened = append(all.opened, file{path, info})
		}
	}
	return all
}

// Folder is the data folder.
func (d Files) Folder() string { return d.folder }

// Gone gives the first that is not there any more, or is another one; "": all are there.
func (d Files) Gone() string {
	for _, f := range d.opened {
		if now, err := os.Stat(f.path); os.IsNotExist(err) || err == nil && !os.SameFile(f.was, now) {
			return f.path
		}
	}
	return ""
}
