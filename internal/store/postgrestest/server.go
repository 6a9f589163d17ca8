// Package postgrestest starts real PostgreSQL servers for tests: each a cluster
// of its own in a temporary folder, with fsync on, reached through a Unix socket
// there that only its owner can open, and not by the network. A server can be
// stopped, killed and started again. It needs PostgreSQL's programs, and fails
// without them.
package postgrestest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// patience only tells something from never.
const patience = 60 * time.Second

// Server is one server. Its methods are not to be called concurrently, but for
// URL and Database.
type Server struct {
	programs string              // their folder
	dir      string              // holds data, socket and log
	as       *syscall.Credential // whom it runs as; nil: as we do
	options  []string
	child    *exec.Cmd // nil: it does not run
	ended    chan struct{}
	made     atomic.Int32 // databases
}

// New starts a server that ends with the test; options are settings like
// "max_connections=9".
func New(t testing.TB, options ...string) *Server {
	t.Helper()
	s, err := Open(options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("PostgreSQL's log:\n%s", s.Log())
		}
		s.Close()
	})
	return s
}

// Open is New for who has no test at hand.
func Open(options ...string) (*Server, error) {
	programs, err := Programs()
	if err != nil {
		return nil, err
	}
	s := &Server{programs: programs, options: options}
	if s.as, err = unprivileged(); err != nil {
		return nil, fmt.Errorf("starting PostgreSQL: %w", err)
	}
	if s.dir, err = os.MkdirTemp("", "postgres"); err != nil {
		return nil, fmt.Errorf("starting PostgreSQL: %w", err)
	}
	if s.as != nil {
		err = os.Chown(s.dir, int(s.as.Uid), int(s.as.Gid))
	}
	if err == nil {
		err = s.run("initdb", "-D", s.data(), "-U", "cloakroom", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
	}
	if err == nil {
		err = s.start()
	}
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("starting PostgreSQL: %w", err)
	}
	return s, nil
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// Dir is the server's folder, and Owner who may read there (-1: who we are).
func (s *Server) Dir() string { return s.dir }

// Owner is the user whom the server runs as; -1: ours.
func (s *Server) Owner() int {
	if s.as == nil {
		return -1
	}
	return int(s.as.Uid)
}

// URL is the address of a database.
func (s *Server) URL(database string) string {
	return "postgres://cloakroom@/" + database + "?host=" + s.dir
}

// Database makes an empty database and returns its URL.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	url, err := s.Create()
	if err != nil {
		t.Fatal(err)
	}
	return url
}

// Create is Database for who has no test at hand.
func (s *Server) Create() (url string, err error) {
	name := fmt.Sprintf("test%d", s.made.Add(1))
	err = s.run("createdb", "-h", s.dir, "-U", "cloakroom", name)
	return s.URL(name), err
}

// Start starts the server again, unless it runs.
func (s *Server) Start(t testing.TB) {
	t.Helper()
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
}

// Stop ends the server as its operator would: whoever is connected is cut off,
// and nothing is left to recover.
func (s *Server) Stop() { s.end(syscall.SIGINT) }

// Kill ends the server as a crash does: nothing is written any more, and it
// recovers when it is started again. (A SIGKILL would leave its children to
// work on for a moment.)
func (s *Server) Kill() { s.end(syscall.SIGQUIT) }

// Close ends the server and removes its folder.
func (s *Server) Close() {
	s.end(syscall.SIGQUIT)
	os.RemoveAll(s.dir)
}

// Log is what the server said.
func (s *Server) Log() string {
	b, err := os.ReadFile(filepath.Join(s.dir, "log"))
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func (s *Server) start() error {
	if s.child != nil {
		return nil
	}
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	arguments := []string{"-D", s.data(), "-k", s.dir, "-c", "listen_addresses="}
	for _, o := range s.options {
		arguments = append(arguments, "-c", o)
	}
	if err := s.spawn(log, arguments); err != nil {
		return err
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		if err = s.run("pg_isready", "-q", "-h", s.dir); err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("it is not ready: %w\n%s", err, s.Log())
		}
		select {
		case <-s.ended:
			s.child = nil
			return fmt.Errorf("it ended: %w\n%s", err, s.Log())
		default:
		}
	}
}

func (s *Server) spawn(log *os.File, arguments []string) error {
	c := exec.Command(filepath.Join(s.programs, "postgres"), arguments...)
	c.Dir, c.Stdout, c.Stderr = s.dir, log, log
	c.SysProcAttr = attributes(s.as)
	if err := c.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		c.Wait()
		close(ended)
	}()
	s.child, s.ended = c, ended
	return nil
}

func (s *Server) end(how os.Signal) {
	if s.child == nil {
		return
	}
	s.child.Process.Signal(how)
	select {
	case <-s.ended:
	case <-time.After(patience):
		s.child.Process.Kill()
		<-s.ended
	}
	s.child = nil
}

// run runs one of PostgreSQL's programs to its end, as the server's user.
func (s *Server) run(program string, arguments ...string) error {
	c := exec.Command(filepath.Join(s.programs, program), arguments...)
	c.Dir, c.SysProcAttr = s.dir, attributes(s.as)
	var said bytes.Buffer
	c.Stdout, c.Stderr = &said, &said
	if err := c.Run(); err != nil {
		return errors.Join(fmt.Errorf("running %q: %w", program, err), errors.New(said.String()))
	}
	return nil
}
