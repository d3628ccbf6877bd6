//go:build linux && amd64

package rig

import (
	"bufio"
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"
)

// tell is what takes the place of the kernel's clock_gettime in the process: it asks the
// kernel, and adds the eight bytes that follow it, in seconds, to CLOCK_REALTIME alone.
//
//	mov eax, 228; syscall; test edi, edi; jne +10; mov rcx, [rip+4]; add [rsi], rcx; ret
var tell = []byte{0xb8, 0xe4, 0, 0, 0, 0x0f, 0x05, 0x85, 0xff, 0x75, 0x0a, 0x48, 0x8b, 0x0d, 0x04, 0, 0, 0, 0x48, 0x01, 0x0e, 0xc3}

// tellAt is where it is put: into the zeros at the end of the pages that the kernel maps.
const tellAt = 64

// JumpClock sets the machine's time as the process sees it, in whole seconds off the true
// one, as an administrator or a wrong time server does to all processes; zero ends it. The
// monotonic clock runs on.
//
// A static Go binary reads the clock through the kernel's vDSO, which LD_PRELOAD does not
// reach, and time namespaces move the other clocks only. So the vDSO of the one process is
// written over, as a debugger sets a breakpoint.
func (g *Guardian) JumpClock(off time.Duration) (err error) {
	from, to, err := vdso(g.Pid())
	if err != nil {
		return err
	}
	mem, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", g.Pid()), os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("open the memory of the process: %w", err)
	}
	defer mem.Close()
	code := make([]byte, to-from)
	if _, err := mem.ReadAt(code, from); err != nil {
		return fmt.Errorf("read the vDSO: %w", err)
	}
	entry, err := clockEntry(code)
	if err != nil {
		return err
	}
	at := len(code) - tellAt
	if rest := bytes.TrimRight(code[at:], "\x00"); len(rest) > 0 && !bytes.HasPrefix(rest, tell) {
		return errors.New("the vDSO has no room at its end")
	}
	stub := binary.LittleEndian.AppendUint64(bytes.Clone(tell), uint64(int64(off/time.Second)))
	jump := binary.LittleEndian.AppendUint32([]byte{0xe9}, uint32(int32(at-entry-5)))

	// No thread runs through the first bytes while they change.
	g.Signal(syscall.SIGSTOP)
	defer g.Signal(syscall.SIGCONT)
	if _, err := mem.WriteAt(stub, from+int64(at)); err != nil {
		return fmt.Errorf("write the vDSO: %w", err)
	}
	if _, err := mem.WriteAt(jump, from+int64(entry)); err != nil {
		return fmt.Errorf("write the vDSO: %w", err)
	}
	return nil
}

// vdso says where a process has it.
func vdso(pid int) (from, to int64, err error) {
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return 0, 0, err
	}
	for lines := bufio.NewScanner(bytes.NewReader(maps)); lines.Scan(); {
		if strings.HasSuffix(lines.Text(), "[vdso]") {
			_, err := fmt.Sscanf(lines.Text(), "%x-%x", &from, &to)
			return from, to, err
		}
	}
	return 0, 0, errors.New("the process has no vDSO")
}

func clockEntry(code []byte) (int, error) {
	f, err := elf.NewFile(bytes.NewReader(code))
	if err != nil {
		return 0, fmt.Errorf("read the vDSO: %w", err)
	}
	symbols, err := f.DynamicSymbols()
	if err != nil {
		return 0, fmt.Errorf("read the vDSO's symbols: %w", err)
	}
	for _, s := range symbols {
		if s.Name == "__vdso_clock_gettime" {
			return int(s.Value), nil
		}
	}
	return 0, errors.New("the vDSO has no clock_gettime")
}
