package recording

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"cloakroom/internal/record"
)

// Whoever erases is killed again and again. What was to be erased and is not there is
// not held against the packs, nothing else is lost, and in the end it is all erased.
func TestErasingKilled(t *testing.T) {
	if dir := os.Getenv("RECORDING_TEST_ERASE"); dir != "" {
		eraseUntilKilled(t, dir)
		return
	}
	dir, store := newDir(t), "file://"+t.TempDir()
	toErase, others := map[string]bool{}, map[string]bool{}
	l := openLog(t, dir)
	for _, outside := range []string{store, ""} { // half of it is taken there, and the rest stays
		r := open(t, dir, l, Options{Strict: true, PackBytes: 2 << 10})
		for i := range 12 {
			id, _ := recordOne(t, r, dir, full)
			toErase[id], others[id] = i%3 != 0, i%3 == 0
		}
		r.Close()
		if outside != "" {
			stored(t, dir, l, outside)
		}
	}
	told := map[string][]string{}
	for _, a := range acts(t, dir, "pack") {
		told[a.Target] = append(told[a.Target], a.Detail)
	}
	packs, err := OpenReader(t.Context(), dir, testKey, store)
	if err != nil {
		t.Fatal(err)
	}
	defer packs.Close()
	var ids []string
	for id := range toErase {
		if toErase[id] {
			ids = append(ids, id)
		}
	}
	killed := 0
	for whole := false; !whole; {
		var lines []string
		if lines, whole = killedErasing(t, dir, store, ids, killed+1); !whole {
			killed++
		}
		for _, line := range lines {
			pack, detail, _ := strings.Cut(line, " ")
			told[pack] = append(told[pack], detail)
		}
		for pack, details := range told {
			if err := packs.CheckPack(t.Context(), pack, details, func(exchange string) bool { return toErase[exchange] }); err != nil {
				t.Fatalf("after it was killed %d times: %v", killed, err)
			}
		}
	}
	for id, e := range ends(t, dir) {
		if toErase[id] {
			wantErased(t, packs, id, e)
		} else if others[id] {
			wantWhole(t, packs, e, id)
		}
	}
	if killed < 3 {
		t.Errorf("it was killed %d times only", killed)
	}
}

// killedErasing lets a child erase, and kills it just when it begins to overwrite the
// n-th pack. It returns what was told of packs, and whether the child came to its end.
func killedErasing(t *testing.T, dir, store string, ids []string, n int) (told []string, whole bool) {
	t.Helper()
	child := exec.Command(os.Args[0], "-test.run=^TestErasingKilled$")
	child.Env = append(os.Environ(), "RECORDING_TEST_ERASE="+dir, "RECORDING_TEST_STORE="+store, "RECORDING_TEST_IDS="+strings.Join(ids, " "))
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		switch what, rest, _ := strings.Cut(lines.Text(), " "); what {
		case "told":
			told = append(told, rest)
			io.WriteString(in, "\n")
			if len(told) == n {
				time.Sleep(time.Duration(rand.IntN(2000)) * time.Microsecond)
				child.Process.Kill()
			}
		case "done":
			whole = true
		case "error":
			t.Error(rest)
		}
	}
	return told, child.Wait() == nil && whole
}

// eraseUntilKilled erases, and prints what it tells the log.
func eraseUntilKilled(t *testing.T, dir string) {
	packs, err := OpenReader(t.Context(), dir, testKey, os.Getenv("RECORDING_TEST_STORE"))
	if err != nil {
		t.Fatal(err)
	}
	var what []Erasure
	for id := range strings.FieldsSeq(os.Getenv("RECORDING_TEST_IDS")) {
		what = append(what, Erasure{id, ends(t, dir)[id].Recording})
	}
	heard := bufio.NewReader(os.Stdin)
	_, err = packs.Erase(context.Background(), what, func(a record.Act) error {
		os.Stdout.WriteString("told " + a.Target + " " + a.Detail + "\n")
		_, err := heard.ReadString('\n')
		return err
	})
	if err != nil {
		fmt.Println("error", err)
		return
	}
	os.Stdout.WriteString("done\n")
}

// A pack in which something was erased is still compared byte for byte: only the parts
// of the exchanges that the log names may be anything.
func TestErasedIsCompared(t *testing.T) {
	dir := newDir(t)
	l := openLog(t, dir)
	r := open(t, dir, l, Options{Strict: true})
	one, e := recordOne(t, r, dir, full)
	_, f := recordOne(t, r, dir, full)
	r.Close()
	path := closed(t, dir)[0]
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	w := eraser{t: t, dir: dir}
	if err := w.erase(one); err != nil {
		t.Fatal(err)
	}
	after, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	told := []string{acts(t, dir, "pack")[0].Detail, w.told[0].Detail}
	check := func(pack []byte, told ...string) error {
		if err := os.WriteFile(path, pack, 0o600); err != nil {
			t.Fatal(err)
		}
		packs, err := OpenReader(t.Context(), dir, testKey, "")
		if err != nil {
			t.Fatal(err)
		}
		defer packs.Close()
		return packs.CheckPack(t.Context(), e.Recording[0].Pack, told, func(exchange string) bool { return exchange == one })
	}
	if err := errors.Join(check(before, told...), check(after, told...)); err != nil {
		t.Error(err)
	}
	if err := check(after, told[0]); !errors.Is(err, ErrBroken) {
		t.Errorf("no act tells of it: %v", err)
	}
	inside := func(at int) bool {
		p := e.Recording[0]
		return int64(at) >= p.At+frameHeader && int64(at) < p.At+p.Size
	}
	for at := 0; at < len(after); at += 3 {
		changed := append([]byte(nil), after...)
		changed[at] ^= 1
		if err := check(changed, told...); errors.Is(err, ErrBroken) == inside(at) {
			t.Fatalf("byte %d, in the erased part: %v: got %v", at, inside(at), err)
		}
	}
	p := f.Recording[0]
	clear(after[p.At+frameHeader : p.At+p.Size])
	if err := check(after, told...); !errors.Is(err, ErrBroken) {
		t.Errorf("another's part was erased too: %v", err)
	}
}
