package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/wait"
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
			// Right after an installation the pods are about to be ready, so it tries again.
			config, err := ctrl.GetConfig()
			if err != nil {
				return fmt.Errorf("no cluster: %w", err)
			}
			last, verdict := errors.New("there was no time for a try"), ""
			err = wait.PollUntilContextTimeout(cmd.Context(), time.Second, timeout, true, func(ctx context.Context) (bool, error) {
				said, err := trial.Try(ctx, config, wanted)
				if ctx.Err() == nil { // else it is about the time
					verdict, last = said, err
				}
				return err == nil, nil
			})
			if err != nil {
				return last
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), verdict)
			return err
		},
	}
	cmd.Flags().StringVar(&mode, "mode", string(trial.Enforce), "the policy's mode: enforce, the bad edit is denied; audit, it is allowed with a warning")
	cmd.Flags().DurationVar(&timeout, "timeout", time.Minute, "how long to try again until the guard answers as it should")
	return cmd
}
