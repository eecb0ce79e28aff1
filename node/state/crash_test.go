package state

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestMain lets the test binary be the process that is killed: with a directory in the environment it
// writes under load and prints what was confirmed.
func TestMain(m *testing.M) {
	if dir := os.Getenv("STATE_TEST_VICTIM"); dir != "" {
		if cut := os.Getenv("STATE_TEST_CUT"); cut != "" {
			shownVictim(dir, cut)
		}
		if os.Getenv("STATE_TEST_MANAGED") != "" {
			managedVictim(dir)
		}
		victim(dir)
		return
	}
	os.Exit(m.Run())
}

func victimOptions(dir string) Options {
	return Options{Dir: dir, Name: "victim", Key: bytes.Repeat([]byte{3}, 32), MemTable: 1 << 20, Reserve: -1, MinFree: 1}
}

// victim never ends by itself. Each of its writers counts up under its own key and keeps every count.
func victim(dir string) {
	s, err := Open(context.Background(), victimOptions(dir))
	if err != nil {
		fmt.Println("open:", err)
		os.Exit(1)
	}
	var mu sync.Mutex
	out := bufio.NewWriter(os.Stdout)
	for w := range 16 {
		go func() {
			v := s.View()
			last, err := v.Get(fmt.Appendf(nil, "head/%d", w))
			v.Close()
			n, _ := strconv.Atoi(string(last))
			if err != nil {
				n = 0
			}
			for {
				n++
				err := s.Commit(context.Background(), func(b *Batch) {
					b.Set(fmt.Appendf(nil, "head/%d", w), fmt.Appendf(nil, "%d", n))
					b.Set(fmt.Appendf(nil, "all/%d/%08d", w, n), bytes.Repeat([]byte{byte(n)}, n%700))
				})
				if err != nil {
					fmt.Println("commit:", err)
					os.Exit(1)
				}
				mu.Lock()
				fmt.Fprintf(out, "%d %d\n", w, n)
				out.Flush()
				mu.Unlock()
			}
		}()
	}
	select {}
}

// managedVictim commits at rising indexes, syncs now and then, and tells both.
func managedVictim(dir string) {
	o := victimOptions(dir)
	o.Managed = true
	s, err := Open(context.Background(), o)
	if err != nil {
		fmt.Println("open:", err)
		os.Exit(1)
	}
	for n := s.MaxVersion() + 1; ; n++ {
		b := NewBatch()
		b.Set(fmt.Appendf(nil, "at/%08d", n), bytes.Repeat([]byte{byte(n)}, int(n*n%3000)))
		if err := s.CommitAt(b, n); err != nil {
			fmt.Println("commit:", err)
			os.Exit(1)
		}
		fmt.Println("0", n)
		if n%700 == 0 {
			if err := s.Sync(); err != nil {
				fmt.Println("sync:", err)
				os.Exit(1)
			}
			fmt.Println("1", n)
		}
	}
}

// shownVictim opens a managed store, cuts the power of its disk at once, and tells what it would have shown.
func shownVictim(dir, mount string) {
	o := victimOptions(dir)
	o.Managed = true
	s, err := Open(context.Background(), o)
	if err != nil {
		fmt.Println("open:", err)
		os.Exit(1)
	}
	f, err := os.Open(mount)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(f.Fd()), goingDown, noLogFlush)
	}
	if err != nil {
		fmt.Println("open:", err)
		os.Exit(1)
	}
	fmt.Println("2", s.MaxVersion())
	select {}
}

// The shutdown of a file system: XFS_IOC_GOINGDOWN, flag 2, which ext4 knows too.
const (
	goingDown  = 0x8004587d
	noLogFlush = 2
)

// TestKill kills a writing process again and again. Everything it confirmed must be there, and no false
// alarm may keep the store from opening.
func TestKill(t *testing.T) {
	t.Parallel()
	rounds := 3
	if testing.Short() {
		rounds = 1
	}
	dir := t.TempDir()
	confirmed := map[int]int{}
	for round := range rounds {
		for range 1 + round%2 { // every other time a victim finds what a kill left
			runVictim(t, dir, time.Duration(150+100*round)*time.Millisecond, nil, confirmed)
		}
		s, err := Open(t.Context(), victimOptions(dir))
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		checkVictim(t, s, confirmed)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("confirmed: %v", confirmed)
}

// runVictim lets a victim live so long, does to it what end does, and kills it.
func runVictim(t *testing.T, dir string, life time.Duration, end func(pid int), confirmed map[int]int) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append(os.Environ(), "STATE_TEST_VICTIM="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(life+300*time.Millisecond, func() {
		if end != nil {
			end(cmd.Process.Pid)
		}
		cmd.Process.Kill()
	})
	defer timer.Stop()
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var w, n int
		if _, err := fmt.Sscanf(lines.Text(), "%d %d", &w, &n); err != nil {
			if strings.HasPrefix(lines.Text(), "open:") {
				t.Errorf("the victim said %q", lines.Text())
			}
			continue // the last line was cut, or its disk was
		}
		confirmed[w] = max(confirmed[w], n)
	}
	cmd.Wait()
}

// checkVictim looks for everything that was confirmed. One more per writer may be there: its confirmation
// was on the way.
func checkVictim(t *testing.T, s *Store, confirmed map[int]int) {
	t.Helper()
	v := s.View()
	defer v.Close()
	for w, n := range confirmed {
		head, err := v.Get(fmt.Appendf(nil, "head/%d", w))
		if err != nil {
			t.Fatal(err)
		}
		got, _ := strconv.Atoi(string(head))
		if got < n || got > n+1 {
			t.Errorf("writer %d: %d was confirmed, %d is there", w, n, got)
		}
		count := 0
		for range v.Scan(fmt.Appendf(nil, "all/%d/", w)) {
			count++
		}
		if v.Err() != nil || count != got {
			t.Errorf("writer %d: %d of %d records: %v", w, count, got, v.Err())
		}
		confirmed[w] = got
	}
}

// TestHalfMadeFiles opens directories as a kill in the middle of making a file leaves them.
func TestHalfMadeFiles(t *testing.T) {
	for _, killed := range []bool{false, true} {
		im := image(t, false, killed)
		for _, name := range []string{"00099.mem", "000099.vlog", "000099.sst", "DISCARD", "MANIFEST-REWRITE", "SUMS.tmp", "BALLAST"} {
			o := im.o
			o.Dir = filepath.Join(t.TempDir(), "copy")
			copyDir(t, im.dir, o.Dir)
			if err := os.WriteFile(filepath.Join(o.Dir, name), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := Open(t.Context(), o)
			if err != nil {
				t.Errorf("an empty %s: %v", name, err)
				continue
			}
			if wrong, _ := wrongAnswers(s, im.want); len(wrong) > 0 {
				t.Errorf("an empty %s: %s", name, wrong[0])
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	for _, name := range []string{manifestName, registryName, witnessName, lockName} { // of a store that never was
		o := options1(t, false)
		if err := os.WriteFile(filepath.Join(o.Dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		s := open(t, o)
		commit(t, s, func(b *Batch) { b.Set([]byte("k"), nil) })
	}
}
