package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"

	"github.com/aws-auth-guard/aws-auth-guard/internal/awsauth"
	"github.com/aws-auth-guard/aws-auth-guard/internal/policy"
	"github.com/aws-auth-guard/aws-auth-guard/internal/report"
	"github.com/aws-auth-guard/aws-auth-guard/internal/validate"
)

// viewOptions are those of the commands that look at aws-auth without judging an edit.
type viewOptions struct {
	file    string
	policy  string
	output  oneOf
	cluster clusterOptions
	rbac    rbacOptions
}

func newViewOptions() *viewOptions {
	return &viewOptions{output: oneOf{"text", []string{"text", "json"}}}
}

func (o *viewOptions) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&o.policy, "policy", "", "policy `FILE`; without it, nothing is said of approvals")
	o.rbac.flags(f)
	o.cluster.flags(f)
	f.VarP(&o.output, "output", "o", "output form")
	_ = cmd.RegisterFlagCompletionFunc("output", o.output.complete) // fails only for a flag that does not exist
}

func (o *viewOptions) fileFlag(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&o.file, "filename", "f", "", "manifest `FILE` that holds the aws-auth ConfigMap, - is standard input; without it, the object in the cluster")
}

// view is one version of aws-auth, read, and what is known of the privileges in it.
type view struct {
	object    *corev1.ConfigMap
	doc       *awsauth.Document
	access    *awsauth.Access
	source    *report.Source // nil for the object in the cluster
	validator *validate.Validator
	policy    *policy.Policy
	// approvals says that there is a policy to say anything of them.
	approvals bool
}

// read reads the object from a file, or from the cluster for "".
func (o *viewOptions) read(ctx context.Context, in *inputs, file string) (object *corev1.ConfigMap, source *report.Source, err error) {
	if file == "" {
		object, err = o.cluster.live(ctx)
		if err == nil && object == nil {
			err = errors.New("it has none")
		}
		if err != nil {
			err = orElse{fmt.Errorf("no aws-auth from the cluster: %w", err), "or give a manifest instead of the cluster's object"}
		}
		return object, nil, err
	}
	s, err := in.manifest(file)
	if err != nil {
		return nil, nil, err
	}
	if s.object == nil {
		f := s.findings[0]
		return nil, nil, fmt.Errorf("%s:%d:%d: %s", s.sources[0].Name, f.Line, f.Column, f.Message)
	}
	return s.object, &s.sources[0], nil
}

// open reads the object and connects all that is to be asked about it.
func (o *viewOptions) open(cmd *cobra.Command, in *inputs, file string) (*view, error) {
	v := &view{approvals: o.policy != ""}
	var err error
	if v.policy, err = loadPolicy(o.policy); err != nil {
		return nil, err
	}
	if v.object, v.source, err = o.read(cmd.Context(), in, file); err != nil {
		return nil, err
	}
	port, without, err := o.rbac.privileges(cmd.Context(), in, o.cluster, file == "", v.policy)
	if err != nil {
		return nil, err
	}
	if port == nil && without == "" && o.rbac.from == "" && v.policy.Privileged.FromRBAC {
		without = "RBAC is not asked, so only the groups that the policy names count as privileged; --rbac says where to read it"
	}
	if without != "" {
		note(cmd, without)
	}
	if v.validator, err = validate.New(v.policy, validate.WithPorts(validate.Ports{Privileges: port})); err != nil {
		return nil, err
	}
	v.doc, _ = awsauth.Parse(v.object.Data)
	v.access = v.doc.Access()
	for _, key := range awsauth.Keys {
		if v.doc.Unreadable[key] {
			note(cmd, fmt.Sprintf("EKS cannot read %s, so nobody can authenticate by it; 'kubectl awsauth check' says why", key))
		}
	}
	return v, nil
}

// place says where something stands: in the file, or in the value of the object in the cluster.
func (v *view) place(p awsauth.Place) string {
	if v.source != nil {
		if line, _, ok := v.source.Locate(p.DataKey, p.Line, p.Column); ok {
			return fmt.Sprintf("%s:%d", v.source.Name, line)
		}
	}
	return fmt.Sprintf("%s:%d", p.DataKey, p.Line)
}
