package integration

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// postgres is a real PostgreSQL server in a folder of its own, which is reached
// by a Unix socket there. It can be ended and started again.
type postgres struct {
	t        *testing.T
	programs string // their folder
	dir      string
	as       *syscall.Credential // whom it runs as; nil: as we do
	server   *exec.Cmd           // nil: it does not run
}

// newPostgres starts a server with an empty database. It ends with the test.
func newPostgres(t *testing.T) *postgres {
	t.Helper()
	p := &postgres{t: t, programs: postgresPrograms(t), as: notRoot(t)}
	var err error
	if p.dir, err = os.MkdirTemp("", "pg"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			log, _ := os.ReadFile(p.path("log"))
			t.Logf("PostgreSQL said:\n%s", log)
		}
		p.Kill()
		os.RemoveAll(p.dir)
	})
	if p.as != nil {
		if err := os.Chown(p.dir, int(p.as.Uid), int(p.as.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := p.program("initdb", "-D", p.path("data"), "-U", "cloakroom", "-A", "trust", "-E", "UTF8",
		"--locale=C", "--no-sync").CombinedOutput(); err != nil {
		t.Fatalf("making a PostgreSQL cluster: %v\n%s", err, out)
	}
	p.Start()
	return p
}

// postgresPrograms is the folder with PostgreSQL's programs.
func postgresPrograms(t *testing.T) string {
	t.Helper()
	places, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if path, err := exec.LookPath("postgres"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			places = append(places, path)
		}
	}
	if len(places) == 0 {
		t.Fatal("PostgreSQL's programs are not installed, and this test needs them (Debian: apt-get install postgresql)")
	}
	return filepath.Dir(places[len(places)-1])
}

// notRoot is whom a server runs as that refuses to run as root.
func notRoot(t *testing.T) *syscall.Credential {
	t.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		u, err = user.Lookup("nobody")
	}
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.ParseUint(u.Uid, 10, 32)
	gid, _ := strconv.ParseUint(u.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

func (p *postgres) path(name string) string { return filepath.Join(p.dir, name) }

func (p *postgres) program(name string, arguments ...string) *exec.Cmd {
	c := exec.Command(filepath.Join(p.programs, name), arguments...)
	c.Dir, c.SysProcAttr = p.dir, &syscall.SysProcAttr{Credential: p.as, Setpgid: true}
	return c
}

// URL is the address of the database.
func (p *postgres) URL() string { return "postgres://cloakroom@/postgres?host=" + p.dir }

// Start starts the server, again if it was ended.
func (p *postgres) Start() {
	p.t.Helper()
	log, err := os.OpenFile(p.path("log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		p.t.Fatal(err)
	}
	defer log.Close()
	p.server = p.program("postgres", "-D", p.path("data"), "-k", p.dir, "-c", "listen_addresses=")
	p.server.Stdout, p.server.Stderr = log, log
	if err := p.server.Start(); err != nil {
		p.t.Fatal(err)
	}
	for deadline := time.Now().Add(60 * time.Second); p.program("pg_isready", "-q", "-h", p.dir).Run() != nil; {
		if time.Now().After(deadline) {
			p.t.Fatal("PostgreSQL is not ready within 60 s")
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// Stop ends the server as its operator does: whoever is connected is cut off.
func (p *postgres) Stop() { p.end(syscall.SIGINT) }

// Kill ends it as a crash does: it has to recover when it starts again.
func (p *postgres) Kill() { p.end(syscall.SIGQUIT) }

func (p *postgres) end(how os.Signal) {
	if p.server != nil && p.server.Process.Signal(how) == nil {
		p.server.Wait()
	}
	p.server = nil
}

// query is what psql prints for an SQL statement.
func (p *postgres) query(statement string) string {
	p.t.Helper()
	out, err := p.program("psql", "-h", p.dir, "-U", "cloakroom", "-Atqc", statement, "postgres").CombinedOutput()
	if err != nil {
		p.t.Fatal(fmt.Errorf("%w\n%s", err, out))
	}
	return string(out)
}
