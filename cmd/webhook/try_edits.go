package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/aws-auth-guard/aws-auth-guard/internal/trial"
)

// tryEdits is what the pod of `helm test` runs, in the image of the guard.
func tryEdits() *cobra.Command {
	var mode string
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "try-edits",
		Short: "Try a good and a bad edit of aws-auth as a server-side dry run, and fail if the guard does not answer",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			wanted := trial.Mode(mode)
			if wanted != trial.Enforce && wanted != trial.Audit {
				return fmt.Errorf("--mode %q is not known, want %s or %s", mode, trial.Enforce, trial.Audit)
			}
			config, err := ctrl.GetConfig()
			if err != nil {
				return fmt.Errorf("no cluster: %w", err)
			}
			verdict, err := tryWithin(cmd.Context(), timeout, config, wanted)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), verdict)
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&mode, "mode", string(trial.Enforce), "the policy's mode: with enforce a bad edit is denied, with audit warned about")
	f.DurationVar(&timeout, "timeout", time.Minute, "how long to try again until the guard answers as it should")
	return cmd
}

// tryWithin tries again until it passes, since right after an installation the pods are about to be ready. The error is
// the last one.
func tryWithin(ctx context.Context, timeout time.Duration, config *rest.Config, mode trial.Mode) (string, error) {
	verdict, last := "", errors.New("there was no time for a try")
	passed := func(ctx context.Context) (bool, error) {
		said, err := trial.Try(ctx, config, mode)
		if ctx.Err() == nil { // else the error is about the time
			verdict, last = said, err
		}
		return err == nil, nil
	}
	if err := wait.PollUntilContextTimeout(ctx, time.Second, timeout, true, passed); err != nil {
		return "", last
	}
	return verdict, nil
}
