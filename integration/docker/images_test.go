//go:build docker

package docker

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/moby/go-archive"
	"github.com/moby/patternmatcher/ignorefile"
	"github.com/testcontainers/testcontainers-go"
)

// image is one that the compose file names, and what it is made of here.
type image struct {
	name       string
	programs   []string          // of this machine, by path; libraries come with them
	folders    []string          // likewise
	links      map[string]string // name in the image → what it is a link to
	files      map[string]string // path in the image → file in testdata, or built
	dockerfile string            // behind "FROM scratch" and the copying of all that
}

// programsOf are paths of programs on this machine.
func programsOf(t *testing.T, names ...string) (paths []string) {
	t.Helper()
	for _, name := range names {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Fatalf("this machine lacks a program of the images: %v", err)
		}
		folder, err := filepath.EvalSymlinks(filepath.Dir(path)) // /bin may be a link
		must(t, err)
		paths = append(paths, filepath.Join(folder, name))
	}
	return paths
}

// others are the images that are not ours.
func others(t *testing.T, built string) []image {
	t.Helper()
	shell := programsOf(t, "bash", "cat", "mv", "sed", "sleep", "test")
	sh := map[string]string{"/usr/bin/sh": "bash", "/bin": "usr/bin"}
	envoy := map[string]string{"/usr/bin/envoy": envoyBinary(t)}
	postgres := newestPostgres(t)
	return []image{
		{name: "envoyproxy/envoy", programs: shell, links: sh, files: envoy, dockerfile: "USER 101:101\n"},
		{name: "curlimages/curl", programs: slices.Concat(shell, programsOf(t, "curl")), links: sh, dockerfile: "USER 100:101\n"},
		{name: "quay.io/keycloak/keycloak", programs: shell, links: sh,
			files: map[string]string{"/usr/bin/envoy": envoyBinary(t), "/usr/bin/idp": filepath.Join(built, "idp"),
				"/etc/keycloak.yaml": "testdata/keycloak.yaml", "/etc/keycloak.sh": "testdata/keycloak.sh"},
			dockerfile: "USER 1000:0\nENTRYPOINT [\"/usr/bin/sh\", \"/etc/keycloak.sh\"]\n"},
		{name: "postgres", links: sh, files: map[string]string{"/usr/bin/docker-entrypoint.sh": "testdata/postgres.sh"},
			programs:   slices.Concat(shell, programsOf(t, "id", "install", "setpriv"), []string{postgres + "/bin/postgres", postgres + "/bin/initdb", postgres + "/bin/pg_isready"}),
			folders:    []string{postgres + "/lib", strings.Replace(postgres, "/usr/lib/", "/usr/share/", 1), "/usr/share/zoneinfo"},
			dockerfile: "ENV PATH=" + postgres + "/bin:/usr/local/bin:/usr/bin\nCOPY --chown=999:999 empty/ /var/lib/postgresql/\n"},
	}
}

// newestPostgres is the folder of Debian's PostgreSQL.
func newestPostgres(t *testing.T) string {
	t.Helper()
	all, err := filepath.Glob("/usr/lib/postgresql/*")
	if err != nil || len(all) == 0 {
		t.Fatal("this machine lacks PostgreSQL: install postgresql")
	}
	return all[len(all)-1]
}

// envoyBinary looks where the product looks.
func envoyBinary(t *testing.T) string {
	t.Helper()
	path := filepath.Join(os.Getenv("CLOAKROOM_TOOLS"), "envoy/_bin/envoy")
	if _, err := os.Stat(path); err != nil {
		t.Fatal("no Envoy: run `make tools`")
	}
	return path
}

// build makes an image and returns the name under which it is kept.
func (i image) build(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	rootfs := filepath.Join(dir, "rootfs")
	for _, d := range []string{"rootfs/usr/bin", "rootfs/etc", "rootfs/tmp", "empty"} { // the last for what a user of the image may write to
		must(t, os.MkdirAll(filepath.Join(dir, d), 0o755))
	}
	for _, path := range slices.Concat(i.programs, i.folders) {
		copyFromHost(t, rootfs, path)
	}
	for to, from := range i.files {
		run(t, "cp", "-L", from, filepath.Join(rootfs, to))
		for _, library := range libraries(t, from) {
			copyFromHost(t, rootfs, library)
		}
	}
	must(t, os.Chmod(filepath.Join(rootfs, "tmp"), 0o777|os.ModeSticky))
	for to, from := range i.links {
		must(t, os.Symlink(from, filepath.Join(rootfs, to)))
	}
	must(t, os.WriteFile(filepath.Join(rootfs, "etc/passwd"), []byte("postgres:x:999:999::/:/usr/bin/sh\n"), 0o644))
	must(t, os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM scratch\nCOPY rootfs/ /\nENV PATH=/usr/local/bin:/usr/bin\n"+i.dockerfile), 0o644))
	return dockerBuild(t, i.name, dir, "")
}

// copyFromHost copies a program with its libraries, or a folder.
func copyFromHost(t *testing.T, rootfs, path string) {
	t.Helper()
	run(t, "cp", "-aL", "--parents", strings.TrimPrefix(path, "/"), rootfs)
	for _, library := range libraries(t, path) {
		run(t, "cp", "-aL", "--parents", strings.TrimPrefix(library, "/"), rootfs)
	}
}

var libraryPath = regexp.MustCompile(`(?m)(?:=> |^\t)(/\S+) \(0x`)

// libraries are what the loader would load for a program; none for what is static
// or no program.
func libraries(t *testing.T, path string) (paths []string) {
	t.Helper()
	out, err := exec.Command("ldd", path).CombinedOutput()
	if err != nil {
		return nil
	}
	for _, m := range libraryPath.FindAllStringSubmatch(string(out), -1) {
		paths = append(paths, m[1])
	}
	return paths
}

// buildContext is a copy of what Docker would be sent to build the Dockerfile:
// all that .dockerignore leaves in.
func buildContext(t *testing.T) (dir string) {
	t.Helper()
	f, err := os.Open("../../.dockerignore")
	must(t, err)
	defer f.Close()
	ignored, err := ignorefile.ReadAll(f)
	must(t, err)
	tar, err := archive.TarWithOptions("../..", &archive.TarOptions{ExcludePatterns: ignored})
	must(t, err)
	defer tar.Close()
	dir = t.TempDir()
	must(t, archive.Untar(tar, dir, nil))
	return dir
}

// ours builds the Dockerfile's target. Its build stage needs an image of Go: it
// is left out, and what it would make is made on this machine by the same script.
func ours(t *testing.T, dir, target string) string {
	t.Helper()
	text, err := os.ReadFile("../../Dockerfile")
	must(t, err)
	stages := regexp.MustCompile(`(?m)^FROM `).Split(string(text), -1)
	var kept strings.Builder
	for _, stage := range stages[1:] {
		if strings.HasPrefix(stage, "scratch AS ") {
			kept.WriteString("FROM " + strings.ReplaceAll(strings.ReplaceAll(stage, "--from=build ", ""), " /out/", " out/"))
		}
	}
	must(t, os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(kept.String()), 0o644))
	return dockerBuild(t, "cloakroom-"+target, dir, target)
}

// dockerBuild builds the Dockerfile of a folder.
func dockerBuild(t *testing.T, name, dir, target string) string {
	t.Helper()
	var log strings.Builder
	provider, err := testcontainers.NewDockerProvider()
	must(t, err)
	defer provider.Close()
	tag, err := provider.BuildImage(t.Context(), &testcontainers.ContainerRequest{FromDockerfile: testcontainers.FromDockerfile{
		Context: dir, Repo: "cloakroom-test/" + filepath.Base(name), Tag: "local", BuildLogWriter: &log,
		BuildOptionsModifier: targeting(target),
	}})
	if err != nil {
		t.Fatalf("building an image for %s: %v\n%s", name, err, &log)
	}
	return tag
}

func run(t *testing.T, name string, arguments ...string) {
	t.Helper()
	c := exec.Command(name, arguments...)
	if name == "cp" && arguments[1] == "--parents" {
		c.Dir = "/"
	}
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("running %s %v: %v\n%s", name, arguments, err, out)
	}
}
