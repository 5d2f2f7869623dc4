package validate

var removalFamily = family{
	edit: checkRemoval,
	rules: []Rule{
		{ID: "AA501", Name: "deletes-aws-auth", Severity: Error,
			What: "deleting aws-auth, by itself or with all ConfigMaps of kube-system",
			Why:  "EKS forgets every mapping at once: all nodes and everybody but the cluster's creator are locked out",
			Good: goodNodes},
	},
}

func checkRemoval(p *pass) {
	if p.op != Delete || p.fleet.ignored() {
		return // AA508 says that there was nothing to lose
	}
	f := Finding{Field: "metadata.name", Value: "aws-auth", subject: "delete", Message: "aws-auth is being deleted",
		Why: "and EKS forgets every mapping at once: all nodes and everybody but the cluster's creator are locked out",
		Fix: "edit it instead (`kubectl edit configmap aws-auth -n kube-system`); to replace it, use `kubectl replace` without --force"}
	if cut := p.lostSets(); len(cut) > 0 {
		f.Why = "and EKS forgets every mapping at once: everybody but the cluster's creator is locked out" + agree(cut, ", and so is ", ", and so are ") + count(cut) + ": " + which(cut)
		f.Nodes = cut
	}
	p.report("AA501", f)
}
