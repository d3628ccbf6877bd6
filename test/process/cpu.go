package process

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// hertz is the unit of processor times in /proc: USER_HZ, which Linux shows as 100 everywhere.
const hertz = 100

// CPU gives the processor time that the process has used; an error where there is no /proc as
// Linux has it.
func (p *Process) CPU() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.Pid()))
	if err != nil {
		return 0, err
	}
	// The second field is the program's name in brackets, which may hold anything.
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	var user, system int64
	if _, err := fmt.Sscan(fields[11]+" "+fields[12], &user, &system); err != nil {
		return 0, err
	}
	return time.Duration(user+system) * time.Second / hertz, nil
}

// Memory gives the resident memory of the process in bytes, and the most that it ever was.
func (p *Process) Memory() (now, most int64, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Pid()))
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(text)) {
		for name, into := range map[string]*int64{"VmRSS:": &now, "VmHWM:": &most} {
			if rest, ok := strings.CutPrefix(line, name); ok {
				if _, err := fmt.Sscan(rest, into); err != nil {
					return 0, 0, err
				}
				*into <<= 10
			}
		}
	}
	return now, most, nil
}
