package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/rbac"
	"github.com/aws-auth-guard/aws-auth-guard/internal/report"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// viewOptions are those of the commands that look at aws-auth without judging an edit.
type viewOptions struct {
	file    string
	policy  policyOptions
	output  oneOf
	cluster clusterOptions
	rbac    rbacOptions
}

func newViewOptions(forms ...string) *viewOptions { return &viewOptions{output: outputForm(forms...)} }

func (o *viewOptions) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.SortFlags = false
	o.policy.flags(f)
	o.rbac.flags(f)
	o.cluster.flags(f)
	o.output.flag(cmd, "output", "o", "output format")
}

func (o *viewOptions) fileFlag(cmd *cobra.Command) {
	cmd.Flags().VarP(oneFile{&o.file}, "filename", "f", "manifest `FILE` that holds aws-auth; - is standard input; "+
		"if empty, the object in the cluster")
}

// view is one version of aws-auth, read, and what is known of the privileges in it.
type view struct {
	object    *corev1.ConfigMap
	doc       *awsauth.Document
	access    *awsauth.Access
	file      string         // "" for the object in the cluster
	source    *report.Source // nil for the object in the cluster
	validator *validate.Validator
	// subjects are the names that RBAC is made for, as far as it was read.
	subjects rbac.Subjects
	// approvals says that there is a policy to say anything of them.
	approvals bool
}

// open reads the object from a file, or from the cluster for "", and connects all that is to be asked about it.
func (o *viewOptions) open(cmd *cobra.Command, in *input, file string) (*view, error) {
	v := &view{}
	if err := v.read(cmd.Context(), in, o.cluster, file); err != nil {
		return nil, err
	}
	known, err := o.policy.load(cmd.Context(), in, o.cluster, o.rbac.namespace, file == "")
	if err != nil {
		return nil, err
	}
	v.approvals = !known.unasked
	p := known.policy
	privileges, err := o.rbac.privileges(cmd, in, o.cluster, file == "", known)
	if err != nil {
		return nil, err
	}
	if file != "" && o.rbac.from == "" && *p.Privileged.FromRBAC {
		note(cmd, "RBAC was not read, so only the groups that the policy names count as privileged; "+
			"to read it, use --rbac live or --rbac FILE")
	}
	if known, ok := privileges.(rbac.Known); ok {
		v.subjects = known.Subjects()
	}
	v.validator, err = validate.New(p, validate.WithPorts(validate.Ports{Privileges: privileges}))
	if err != nil {
		return nil, err
	}
	return v, nil
}

// noteUnreadable says for which keys an answer is not complete.
func (v *view) noteUnreadable(cmd *cobra.Command) {
	for _, key := range awsauth.Keys {
		if v.doc.Unreadable[key] {
			note(cmd, fmt.Sprintf("EKS cannot read %s, so nobody can authenticate by it; '%s' says why",
				key, commandLine(cmd, v.file, "check")))
		}
	}
}

// read reads the object and what EKS makes of it.
func (v *view) read(ctx context.Context, in *input, cluster clusterOptions, file string) (err error) {
	v.file = file
	if file == "" {
		v.source = nil
		v.object, err = cluster.existing(ctx)
	} else {
		v.object, v.source, err = in.object(file)
	}
	if err != nil {
		return err
	}
	v.doc, _ = awsauth.Parse(v.object.Data)
	v.access = v.doc.Access()
	return nil
}

// place says where something is: in the file, or in the value of the object in the cluster.
func (v *view) place(p awsauth.Place) string {
	if v.source != nil {
		if line, _, ok := v.source.Locate(p.DataKey, p.Line, p.Column); ok {
			return fmt.Sprintf("%s:%d", v.source.Name, line)
		}
	}
	return fmt.Sprintf("%s:%d", p.DataKey, p.Line)
}
