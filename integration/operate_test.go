package integration

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// metrics reads the operators' metrics: value by name with labels.
func (w *world) metrics(t *testing.T) map[string]float64 {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, w.admin+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, body := w.do(r, "authorization", "Bearer "+w.token(sreClient))
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("metrics: status %d: %s", answer.StatusCode, body)
	}
	all := make(map[string]float64)
	for line := range strings.Lines(body) {
		name, text, _ := strings.Cut(strings.TrimSpace(line), " ")
		if n, err := strconv.ParseFloat(text, 64); err == nil {
			all[name] = n
		}
	}
	return all
}

// children are the ids of a process's children.
func children(t *testing.T, pid int) (ids []int) {
	t.Helper()
	all, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range all {
		id, err := strconv.Atoi(d.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", id))
		if err != nil {
			continue // it ended
		}
		_, rest, _ := strings.Cut(string(stat), ") ")
		if fields := strings.Fields(rest); len(fields) > 1 && fields[1] == strconv.Itoa(pid) {
			ids = append(ids, id)
		}
	}
	return ids
}

// gone waits until a process has ended.
func gone(t *testing.T, pid int) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); unix.Kill(pid, 0) == nil; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("process %d has not ended", pid)
		}
	}
}

// memory is what a process holds in RAM, in bytes.
func memory(t *testing.T, pid int) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(status))[1])
	if err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}

// fetch is get for an answer that holds a part of a value on purpose: it is not
// kept for the hunt.
func (w *world) fetch(path string, headers ...string) (*http.Response, string) {
	w.t.Helper()
	answer := w.open(path, headers...)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return answer, string(body)
}

// open sends a GET and returns once the head is there; the caller closes the
// body.
func (w *world) open(path string, headers ...string) *http.Response {
	w.t.Helper()
	r, err := http.NewRequest(http.MethodGet, w.gateway+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	answer, err := w.client.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	return answer
}

// errorCode is the code of a refusal's JSON, "" if there is none.
func errorCode(body string) string {
	var got struct{ Error struct{ Code string } }
	if json.Unmarshal([]byte(body), &got) != nil {
		return ""
	}
	return got.Error.Code
}
