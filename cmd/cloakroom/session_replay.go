package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cloakroom/internal/config"
	"cloakroom/internal/record"
	"cloakroom/internal/transcript"
)

// replaying is what `session replay` was asked for.
type replaying struct {
	selector
	whatIf   whatIf
	speed    string
	pause    time.Duration
	step     bool
	curl     bool
	har      string // a file, "-" for the output
	gateway  string
	stdout   io.Writer
	stderr   io.Writer
	keyboard io.Reader
}

func newSessionReplay(o *options) *cobra.Command {
	var p replaying
	c := &cobra.Command{
		Use: "replay SESSION|EXCHANGE", Short: "Play back what happened, write it as curl lines or HAR, or decide it again",
		Long: `Play back in the terminal what happened in a session, or in one exchange, with the
times that it took: decisions, heads, bodies, each event of a stream and each message
of a WebSocket. Nothing is sent to anybody.

--curl prints a line for each request that sends it through the gateway again,
placeholders in place; tickets and identity tokens are in no recording, and are taken
from $CLOAKROOM_TICKET and $CLOAKROOM_TOKEN. --har writes HAR 1.2 for other tools.

--policy and --rules show which decisions would be others by a changed policy, or by
the rules of a changed configuration; the exit code is 1 if any would.

Reading a recording is an entry in the log, and nothing is shown before it is there.`,
		Example: `  cloakroom session replay nightly-build --speed 10x
  cloakroom session replay nightly-build --step
  cloakroom session replay nightly-build --har nightly.har
  cloakroom session replay --since 168h --policy ./new-policy`,
		Args: p.whatIf.arguments,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				p.name = args[0]
			}
			p.stdout, p.stderr, p.keyboard = cmd.OutOrStdout(), cmd.ErrOrStderr(), cmd.InOrStdin()
			if err := errors.Join(p.check(), p.whatIf.idle(cmd.Flags().Changed)); err != nil {
				return err
			}
			if p.whatIf.asked() {
				return p.whatIf.run(cmd, o, p.selector)
			}
			return withReading(cmd, o, p.run)
		},
	}
	p.whatIf.flags(c)
	p.flags(c)
	return c
}

func (p *replaying) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&p.principal, "principal", "", "only this principal's (issuer#subject): a session's name is its client's")
	f.IntVar(&p.limit, "limit", mostRead, "only the latest so many exchanges; 0: all")
	f.StringVar(&p.speed, "speed", "1x", "how many times as fast as it happened; 0: without waiting")
	f.DurationVar(&p.pause, "longest-pause", 0, "wait no longer than so between two moments, e.g. 2s")
	f.BoolVar(&p.step, "step", false, "go on with the Enter key")
	f.BoolVar(&p.curl, "curl", false, "print curl lines")
	f.StringVar(&p.har, "har", "", "write HAR to this file, - for the output")
	f.StringVar(&p.gateway, "gateway", "", "for --curl and --har, the URL at which agents reach the gateway (default as configured)")
}

func (p replaying) check() error {
	_, err := readSpeed(p.speed)
	switch {
	case err != nil:
	case p.curl && p.har != "" || p.step && (p.curl || p.har != ""):
		err = errors.New("--step, --curl and --har are different things to do")
	case p.step && !isTerminal(p.keyboard):
		err = hinted{errors.New("--step waits for a key, and the input is no terminal"), "use --speed"}
	case p.limit < 0:
		err = fmt.Errorf("--limit %d: want 0 or more", p.limit)
	default:
		err = errors.Join(checkGateway(p.gateway), checkPrincipal(p.principal))
	}
	if err == nil {
		return nil
	}
	return usageError{err}
}

// checkGateway refuses what is no base URL: a token goes there.
func checkGateway(text string) error {
	u, err := url.Parse(text)
	if text != "" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery+u.Fragment != "") {
		return errors.New("--gateway: want the URL at which agents reach the gateway, such as http://127.0.0.1:8080")
	}
	return nil
}

// readSpeed reads "10x", "10" or "0.5x".
func readSpeed(text string) (float64, error) {
	speed, err := strconv.ParseFloat(strings.TrimSuffix(text, "x"), 64)
	if err != nil || !(speed >= 0 && speed <= 1e9) {
		return 0, fmt.Errorf("--speed %q: want 1x, 10x, or 0 for no waiting", text)
	}
	return speed, nil
}

func (p replaying) run(ctx context.Context, r reading) error {
	base := p.gateway
	if base == "" {
		base = gatewayOf(r.config)
	}
	if p.curl && base == "" { // the agent that wrote the requests has no say in where a token goes
		return usageError{hinted{errors.New("--curl: the configuration does not say where agents reach the gateway"), "add --gateway URL"}}
	}
	found, err := r.exchanges(ctx, p.selector, p.what())
	if err != nil {
		return err
	}
	p.more(p.stderr, len(found))
	slices.SortStableFunc(found, func(a, b record.Exchange) int { return a.Decision.Time.Compare(b.Decision.Time) })
	return p.replay(ctx, r.all(ctx, found), base)
}

// replay plays or writes what is read. gateway is its URL; empty: not known.
func (p replaying) replay(ctx context.Context, xs iter.Seq2[*transcript.Exchange, error], gateway string) error {
	switch {
	case p.curl:
		return p.lines(xs, gateway)
	case p.har != "":
		scheme, _, _ := strings.Cut(gateway, "://")
		return writeHAR(p.har, p.stdout, xs, orAll(scheme, "http"))
	}
	return p.play(ctx, transcript.Moments(xs))
}

// lines prints curl lines.
func (p replaying) lines(xs iter.Seq2[*transcript.Exchange, error], gateway string) error {
	for x, err := range xs {
		if err != nil {
			return err
		}
		if _, err := io.WriteString(p.stdout, x.Curl(gateway)); err != nil {
			return err
		}
	}
	return nil
}

func (p replaying) what() string {
	switch {
	case p.curl:
		return "curl"
	case p.har != "":
		return "har"
	}
	return "replay"
}

// gatewayOf is where agents on this machine reach the gateway; empty: the
// configuration does not say.
func gatewayOf(cfg *config.Config) string {
	host, port, err := net.SplitHostPort(cfg.Envoy.Listen)
	if err != nil || port == "0" {
		return ""
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	scheme := "http"
	if cfg.Envoy.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}

// writeHAR writes a file that only its owner can read, or to the output.
func writeHAR(path string, stdout io.Writer, xs iter.Seq2[*transcript.Exchange, error], scheme string) error {
	if path == "-" {
		return transcript.WriteHAR(stdout, xs, scheme, versionText())
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("writing HAR: %w", err)
	}
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() { // one that was there may be open to others
		if err := f.Chmod(0o600); err != nil {
			return errors.Join(fmt.Errorf("writing HAR: %w", err), f.Close())
		}
	}
	return errors.Join(transcript.WriteHAR(f, xs, scheme, versionText()), f.Close())
}

// play shows the moments, and waits between them.
func (p replaying) play(ctx context.Context, moments iter.Seq2[transcript.Moment, error]) error {
	speed, err := readSpeed(p.speed)
	if err != nil {
		return err
	}
	keys := bufio.NewReader(p.keyboard)
	var last transcript.Moment // that was shown; zero: none was
	for m, err := range moments {
		switch {
		case err != nil:
		case last.Exchange == nil:
		case p.step:
			err = p.key(ctx, keys)
		default:
			err = p.wait(ctx, m.At.Sub(last.At), speed)
		}
		if err != nil {
			return err
		}
		if m.Exchange != last.Exchange {
			fmt.Fprintf(p.stdout, "— %s  exchange %s\n", m.At.UTC().Format("15:04:05.000"), transcript.Visible(m.Exchange.ID()))
		}
		if err := transcript.WriteMoment(p.stdout, m, transcript.Limit); err != nil {
			return err
		}
		last = m
	}
	return nil
}

func (p replaying) wait(ctx context.Context, pause time.Duration, speed float64) error {
	if speed == 0 {
		return ctx.Err()
	}
	pause = time.Duration(float64(pause) / speed)
	if p.pause > 0 {
		pause = min(pause, p.pause)
	}
	select {
	case <-time.After(pause):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// key waits for the Enter key.
func (p replaying) key(ctx context.Context, keys *bufio.Reader) error {
	pressed := make(chan error, 1)
	go func() {
		_, err := keys.ReadString('\n')
		pressed <- err
	}()
	select {
	case err := <-pressed:
		if err == io.EOF {
			return errDeclined
		}
		return err
	case <-ctx.Done(): // Ctrl-C ends no read
		return ctx.Err()
	}
}
