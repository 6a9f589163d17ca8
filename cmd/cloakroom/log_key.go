package main

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"

	"cloakroom/internal/checkpoint"
	"cloakroom/internal/secret"
)

// logKey is the key that signs the instance's logs.
func logKey(root secret.Root) (checkpoint.Key, error) {
	keys, err := root.Keys()
	if err != nil {
		return checkpoint.Key{}, err
	}
	return checkpoint.NewKey(keys.Log())
}

func newLogKey(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "key", Short: "Print the public key that the log's checkpoints are verified with", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := loadRules(o.config)
			if err != nil {
				return err
			}
			root, err := existingRoot(cfg)
			if err != nil {
				return err
			}
			key, err := logKey(root)
			if err == nil {
				fmt.Fprintln(cmd.OutOrStdout(), key)
			}
			return err
		},
	}
}

func newLogCheckpoint(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "checkpoint", Short: "Print the latest signed checkpoint of this machine's log", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := loadRules(o.config)
			if err != nil {
				return err
			}
			text, err := checkpoint.Latest(cfg.Record.Dir)
			if errors.Is(err, fs.ErrNotExist) {
				return hinted{errors.New("no checkpoint: nothing was signed yet"), "start the service first: cloakroom up"}
			}
			if err == nil {
				_, err = cmd.OutOrStdout().Write(text)
			}
			return err
		},
	}
}
