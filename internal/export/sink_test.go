package export

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestToFileAppends(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events")
	for range 2 {
		s, err := ToFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Deliver(context.Background(), events(t, ECS, samples()["bar"])); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	all := bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))
	if len(all) != 2 || !bytes.Equal(all[0], all[1]) || !json.Valid(all[0]) {
		t.Errorf("got %s", text)
	}
}

// TestALineThatACrashLeftIsEnded delivers behind half a line.
func TestALineThatACrashLeftIsEnded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events")
	if err := os.WriteFile(path, []byte("{}\n{\"half"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := ToFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for range 2 {
		if err := s.Deliver(context.Background(), events(t, ECS, samples()["bar"])); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	if len(all) != 4 || !json.Valid([]byte(all[2])) || all[2] != all[3] {
		t.Errorf("got %s", text)
	}
}

// full is a disk that takes so many bytes more.
type full struct {
	bytes.Buffer
	room int
}

func (f *full) Write(p []byte) (int, error) {
	n := min(len(p), f.room)
	f.Buffer.Write(p[:n])
	if n < len(p) {
		return n, errors.New("no room")
	}
	return n, nil
}

// TestALineThatWasCutIsEnded tries again where there was room for a part.
func TestALineThatWasCutIsEnded(t *testing.T) {
	for _, room := range []int{0, 10} {
		disk := &full{room: room}
		s, made := ToWriter(disk), events(t, ECS, samples()["bar"])
		for range 2 {
			if err := s.Deliver(context.Background(), made); err == nil {
				t.Fatal("no error")
			}
			disk.room = 0
		}
		disk.room = 1 << 20
		if err := s.Deliver(context.Background(), made); err != nil {
			t.Fatal(err)
		}
		all := strings.Split(strings.TrimSuffix(disk.String(), "\n"), "\n")
		if len(all) != 1+min(room, 1) || !json.Valid([]byte(all[len(all)-1])) {
			t.Errorf("room for %d: got %s", room, disk.String())
		}
	}
}

// partly is an ExportLogsServiceResponse: one record was rejected, "x".
const partly = "\x0a\x05\x08\x01\x12\x01x"

// warned is one that rejected none, and has something to say.
const warned = "\x0a\x03\x12\x01x"

// TestWhatACollectorDoesNotTakeIsAnError answers as collectors do.
func TestWhatACollectorDoesNotTakeIsAnError(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		good   bool
		reject bool
	}{
		"all of it":     {http.StatusOK, "", true, false},
		"with words":    {http.StatusOK, warned, true, false},
		"not all of it": {http.StatusOK, partly, false, true},
		"bad":           {http.StatusBadRequest, "of no\nuse", false, true},
		"too large":     {http.StatusRequestEntityTooLarge, "", false, true},
		"unprocessable": {http.StatusUnprocessableEntity, "", false, true},
		"refused":       {http.StatusUnauthorized, "", false, false},
		"refused so":    {http.StatusForbidden, ": 400 Bad Request", false, false},
		"not found":     {http.StatusNotFound, "", false, false},
		"broken":        {http.StatusInternalServerError, "", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			var got []byte
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				got, _ = io.ReadAll(r.Body)
				if r.URL.Path != "/v1/logs" {
					t.Errorf("asked for %s", r.URL.Path)
				}
				w.Header().Set("Content-Type", "application/x-protobuf")
				w.WriteHeader(c.status)
				io.WriteString(w, c.body)
			}))
			defer srv.Close()
			m, err := NewMapper(OCSF, logID, "1.2.3")
			if err != nil {
				t.Fatal(err)
			}
			s, err := ToCollector(context.Background(), srv.URL, m)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			err = s.Deliver(context.Background(), events(t, OCSF, samples()["bar"]))
			if (err == nil) != c.good || errors.As(err, new(Rejection)) != c.reject {
				t.Errorf("got %v", err)
			}
			for _, want := range []string{"log.record.uid", logID + ":1", "Entity Management", "cloakroom.bar", "service.name"} {
				if !bytes.Contains(got, []byte(want)) {
					t.Errorf("%q was not sent", want)
				}
			}
		})
	}
}

func TestACollectorThatIsNoURLIsRefused(t *testing.T) {
	for _, url := range []string{"", "localhost:4318", "ftp://a", "http://", "http://user:pass@host:1"} {
		if _, err := ToCollector(context.Background(), url, &Mapper{}); err == nil || strings.Contains(err.Error(), "pass@") {
			t.Errorf("%q: got %v", url, err)
		}
	}
}
