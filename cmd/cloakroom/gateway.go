package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cloakroom/internal/agent"
)

// tokenVariable is where an agent's own token is looked for: never an argument,
// which others of the machine can read.
const tokenVariable = "CLOAKROOM_TOKEN"

// gateway is the endpoint for agents, asked with the caller's own token.
type gateway struct {
	base, tokenFile string
}

// flags adds the flags that every command has which asks the gateway.
func (g *gateway) flags(c *cobra.Command) {
	c.Flags().StringVar(&g.base, "gateway", "", "the gateway's base URL (default: envoy.listen of the configuration)")
	c.Flags().StringVar(&g.tokenFile, "token-file", "", "file with the identity token (default: the environment's "+tokenVariable+")")
}

// find takes the gateway of the configuration where no flag names one.
func (g *gateway) find(o *options) error {
	if g.base == "" {
		cfg, err := loadRules(o.config)
		if err != nil {
			return hinted{err, "or name the gateway with --gateway http://HOST:PORT"}
		}
		g.base = "http://" + cfg.Envoy.Listen
	}
	g.base = strings.TrimSuffix(g.base, "/")
	return nil
}

func (g *gateway) token() (string, error) {
	if g.tokenFile != "" {
		b, err := os.ReadFile(g.tokenFile)
		return strings.TrimSpace(string(b)), err
	}
	if t := os.Getenv(tokenVariable); t != "" {
		return t, nil
	}
	return "", usageError{hinted{errors.New("no identity token"), "set " + tokenVariable + " or give --token-file"}}
}

// do asks for a path below the endpoint's, with body as JSON unless it is nil,
// and returns the answer's text. A refusal is an error with its exit code.
func (g *gateway) do(ctx context.Context, method, path string, body any, wait time.Duration) ([]byte, error) {
	token, err := g.token()
	if err != nil {
		return nil, err
	}
	var sent []byte
	if body != nil {
		if sent, err = json.Marshal(body); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, wait+30*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, g.base+agent.Path+path, bytes.NewReader(sent))
	if err != nil {
		return nil, usageError{fmt.Errorf("gateway %q: not a URL", g.base)}
	}
	r.Header.Set("authorization", "Bearer "+token)
	r.Header.Set("content-type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, fmt.Errorf("asking the gateway: %w", err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err != nil {
		return nil, fmt.Errorf("reading the gateway's answer: %w", err)
	}
	return text, refusalOf(answer.StatusCode, text)
}

// refusalOf reads an answer that is no success.
func refusalOf(status int, text []byte) error {
	var got struct {
		Error struct {
			Code, Message string
			ApprovalURL   string `json:"approval_url"`
		}
	}
	if err := json.Unmarshal(text, &got); err != nil {
		return fmt.Errorf("the gateway answered %d without JSON", status)
	}
	if status < 300 {
		return nil
	}
	err := fmt.Errorf("%s: %s", got.Error.Code, got.Error.Message)
	if got.Error.Code != "approval_pending" {
		return coded{err, exitDenied}
	}
	if got.Error.ApprovalURL != "" {
		err = hinted{err, "people answer at " + got.Error.ApprovalURL}
	}
	return coded{err, exitPending}
}
