package rules

// The examples of most rules differ from one of these in what the rule finds.
const (
	goodNodes = `data:
  mapRoles: |
    - rolearn: arn:aws:iam::111122223333:role/nodes
      username: system:node:{{EC2PrivateDNSName}}
      groups: [system:bootstrappers, system:nodes]
`

	goodNodesAndCI = goodNodes + `    - rolearn: arn:aws:iam::111122223333:role/ci
      username: ci
      groups: [deployers]
`

	goodUser = `    - userarn: arn:aws:iam::111122223333:user/alice
      username: alice
      groups: [viewers]
`
)
