package process_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"guardian/test/process"
)

// TestWhatAKilledTestLeft starts this test as a process of its own, which starts another one
// and makes a folder, and kills it.
func TestWhatAKilledTestLeft(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("processes end with their parent on Linux only")
	}
	if os.Getenv("TO_BE_KILLED") != "" {
		leave(t)
	}
	t.Setenv("TMPDIR", t.TempDir())
	cmd := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), "TO_BE_KILLED=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p, err := process.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	child, folder, _ := strings.Cut(strings.TrimSpace(line), " ")
	pid, err := strconv.Atoi(child)
	if err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	p.Kill()

	for end := time.Now().Add(time.Minute); syscall.Kill(pid, 0) == nil && !zombie(pid); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the process that the killed test had started runs on")
		}
	}
	mine, err := process.Folder("left", os.RemoveAll)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(folder); !os.IsNotExist(err) {
		t.Errorf("the folder of the killed test is still there: %v", err)
	}
	if _, err := process.Folder("left", os.RemoveAll); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(mine); err != nil {
		t.Errorf("the folder of a process that runs was removed: %v", err)
	}
}

// leave starts a process, makes a folder, prints both and waits to be killed.
func leave(t *testing.T) {
	t.Helper()
	p, err := process.Start(exec.Command("sleep", "600"))
	if err != nil {
		t.Fatal(err)
	}
	folder, err := process.Folder("left", os.RemoveAll)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println(p.Pid(), folder)
	select {}
}

// zombie tells whether a process has ended and nobody has asked for its exit code.
func zombie(pid int) bool {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	return err == nil && strings.Contains(string(stat), ") Z ")
}
