//go:build docker

package docker

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/network"
	"github.com/testcontainers/testcontainers-go/wait"
)

// stack is the project in an engine.
type stack struct {
	project    *types.Project
	images     map[string]string // the project's, without tags → built here
	suffix     string            // of the names of volumes
	networks   map[string]string // names in the engine
	containers map[string]*testcontainers.DockerContainer
}

// up starts a service behind those that it depends on, and waits until it is
// well where it says how to tell.
func (s *stack) up(t *testing.T, name string) {
	t.Helper()
	if s.containers[name] != nil {
		return
	}
	service := s.project.Services[name]
	for _, other := range slices.Sorted(maps.Keys(service.DependsOn)) {
		s.up(t, other)
	}
	request := s.request(t, service)
	request.WaitingFor = s.awaited(name)
	c, err := testcontainers.Run(t.Context(), request.Image, testcontainers.CustomizeRequest(testcontainers.GenericContainerRequest{ContainerRequest: request}))
	if c != nil {
		s.containers[name] = c
		t.Cleanup(func() { s.down(t, name) })
	}
	if err != nil {
		t.Fatalf("starting %s: %v", name, err)
	}
	if state, err := c.State(t.Context()); err != nil || state.ExitCode != 0 {
		t.Fatalf("%s ended with %v: %v", name, state, err)
	}
}

// awaited is what others wait for at a service.
func (s *stack) awaited(name string) wait.Strategy {
	for _, other := range s.project.Services {
		switch other.DependsOn[name].Condition {
		case types.ServiceConditionHealthy:
			return wait.ForHealthCheck().WithStartupTimeout(1 * time.Minute)
		case types.ServiceConditionCompletedSuccessfully:
			return wait.ForExit()
		}
	}
	return nil
}

// down removes a service, and shows what it said if the test failed.
func (s *stack) down(t *testing.T, name string) {
	c := s.containers[name]
	if logs, err := c.Logs(context.Background()); t.Failed() && err == nil {
		var text strings.Builder
		// the log is a help alone
		_, _ = fmt.Fprint(&text, read(logs))
		t.Logf("%s said:\n%s", name, &text)
	}
	var volumes []string
	for _, v := range s.project.Services[name].Volumes {
		if v.Type == types.VolumeTypeVolume {
			volumes = append(volumes, v.Source+s.suffix)
		}
	}
	if err := testcontainers.TerminateContainer(c, testcontainers.RemoveVolumes(volumes...)); err != nil && len(volumes) == 0 {
		t.Errorf("removing %s: %v", name, err)
	}
}

// request translates a service; known lists what it heeds.
func (s *stack) request(t *testing.T, service types.ServiceConfig) testcontainers.ContainerRequest {
	t.Helper()
	repository, _, _ := strings.Cut(service.Image, ":")
	r := testcontainers.ContainerRequest{
		Image: s.images[repository], Env: map[string]string{}, Cmd: service.Command, Entrypoint: service.Entrypoint,
		NetworkAliases: map[string][]string{}, ConfigModifier: configure(service), HostConfigModifier: s.host(service),
	}
	if r.Image == "" {
		t.Fatalf("%s: there is no image for %q", service.Name, service.Image)
	}
	for name, value := range service.Environment {
		r.Env[name] = *value
	}
	for name, n := range service.Networks {
		r.Networks = append(r.Networks, s.networks[name])
		r.NetworkAliases[s.networks[name]] = []string{service.Name}
		if n != nil {
			r.NetworkAliases[s.networks[name]] = append(n.Aliases, service.Name)
		}
	}
	for _, p := range service.Ports {
		r.ExposedPorts = append(r.ExposedPorts, fmt.Sprint(p.Target, "/tcp"))
	}
	return r
}

func configure(service types.ServiceConfig) func(*container.Config) {
	return func(c *container.Config) {
		if service.User != "" {
			c.User = service.User
		}
		if h := service.HealthCheck; h != nil {
			c.Healthcheck = &container.HealthConfig{Test: h.Test, Interval: duration(h.Interval), Timeout: duration(h.Timeout)}
			if h.Retries != nil {
				c.Healthcheck.Retries = int(*h.Retries)
			}
			if h.Disable {
				c.Healthcheck.Test = []string{"NONE"}
			}
		}
		if d := service.StopGracePeriod; d != nil {
			seconds := int(time.Duration(*d).Seconds())
			c.StopTimeout = &seconds
		}
	}
}

func duration(d *types.Duration) time.Duration {
	if d == nil {
		return 0
	}
	return time.Duration(*d)
}

func (s *stack) host(service types.ServiceConfig) func(*container.HostConfig) {
	return func(h *container.HostConfig) {
		h.ReadonlyRootfs, h.CapDrop, h.SecurityOpt, h.Init = service.ReadOnly, service.CapDrop, service.SecurityOpt, service.Init
		for _, v := range service.Volumes {
			m := mount.Mount{Type: mount.Type(v.Type), Source: v.Source, Target: v.Target, ReadOnly: v.ReadOnly}
			if v.Type == types.VolumeTypeVolume {
				m.Source += s.suffix
			}
			h.Mounts = append(h.Mounts, m)
		}
		for _, secret := range service.Secrets {
			h.Mounts = append(h.Mounts, mount.Mount{Type: mount.TypeBind, ReadOnly: true,
				Source: s.project.Secrets[secret.Source].File, Target: filepath.Join("/run/secrets", secret.Source)})
		}
	}
}

// connect makes the project's networks.
func (s *stack) connect(t *testing.T) {
	t.Helper()
	s.networks = map[string]string{}
	for name, n := range s.project.Networks {
		var options []network.NetworkCustomizer
		if n.Internal {
			options = append(options, network.WithInternal())
		}
		made, err := network.New(t.Context(), options...)
		must(t, err)
		t.Cleanup(func() {
			if err := made.Remove(context.Background()); err != nil {
				t.Errorf("removing network %s: %v", name, err)
			}
		})
		s.networks[name] = made.Name
	}
}

func targeting(target string) func(*client.ImageBuildOptions) {
	return func(o *client.ImageBuildOptions) { o.Target = target }
}

// newStack builds the images and makes the secrets; nothing runs yet.
func newStack(t *testing.T) *stack {
	t.Helper()
	secrets, files := filepath.Join(t.TempDir(), "secrets"), t.TempDir()
	run(t, "../../examples/compose/prepare", secrets)
	run(t, filepath.Join(buildContext(t), "scripts/image-files"), filepath.Join(files, "out"))
	run(t, "go", "build", "-o", files, "../../examples/quickstart/idp")
	project, err := load(t, secrets).WithServicesEnvironmentResolved(true)
	must(t, err)
	s := &stack{project: project, images: map[string]string{}, containers: map[string]*testcontainers.DockerContainer{}}
	s.suffix = fmt.Sprint("-test-", os.Getpid())
	s.images["cloakroom"] = ours(t, files, "cloakroom")
	s.images["cloakroom-upstream"] = ours(t, files, "upstream")
	for _, i := range others(t, files) {
		s.images[i.name] = i.build(t)
	}
	s.connect(t)
	return s
}
