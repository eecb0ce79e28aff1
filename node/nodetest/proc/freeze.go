package proc

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Freeze stops all threads of the process where they are, as a power cut stops a processor. What was in the
// kernel is finished, but nothing comes of it any more. Kill ends a frozen process.
func (p *Process) Freeze() error {
	p.mu.Lock()
	pid := p.cmd.Process.Pid
	p.mu.Unlock()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		return err
	}
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if frozen(pid) {
			return nil
		}
	}
	return fmt.Errorf("%s does not freeze", p.Name)
}

func frozen(pid int) bool {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil || len(tasks) == 0 {
		return false
	}
	for _, t := range tasks {
		b, err := os.ReadFile(t)
		_, state, ok := bytes.Cut(b, []byte(") "))
		if err != nil || !ok || state[0] != 'T' {
			return false
		}
	}
	return true
}
