package fake

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Cluster is an EKS cluster.
type Cluster struct {
	Name    string `json:"name"`
	Account string `json:"account,omitempty"` // 111122223333 if empty
	// Mode is the authentication mode: CONFIG_MAP, API_AND_CONFIG_MAP or API; empty: EKS names none.
	Mode string `json:"mode,omitempty"`
	// CertificateAuthority are the certificates by which the API server is known, as PEM; empty: EKS names none.
	CertificateAuthority string `json:"certificateAuthority,omitempty"`

	AccessEntries   []AccessEntry    `json:"accessEntries,omitempty"`
	FargateProfiles []FargateProfile `json:"fargateProfiles,omitempty"`
	Nodegroups      []Nodegroup      `json:"nodegroups,omitempty"`
}

// AccessEntry authenticates a principal without aws-auth.
type AccessEntry struct {
	Principal string   `json:"principal"`
	Type      string   `json:"type,omitempty"` // STANDARD if empty
	Groups    []string `json:"groups,omitempty"`
	Policies  []string `json:"policies,omitempty"` // the ARNs of access policies
	// Created is when it was created; the start of the server if zero.
	Created time.Time `json:"created,omitempty"`
	// UniqueID is the id that IAM had given the principal when the entry was created; if empty, the one that it has when the
	// cluster is put there.
	UniqueID string `json:"uniqueId,omitempty"`
}

// AccessEntries are those of a cluster, with the unique ids of their principals.
func (s *Server) AccessEntries(cluster string) []AccessEntry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.state.clusters[cluster].AccessEntries)
}

// FargateProfile says with which role pods run on Fargate.
type FargateProfile struct {
	Name string `json:"name"`
	Role string `json:"role"`
}

// Nodegroup is a managed node group, with the role of its nodes.
type Nodegroup struct {
	Name string `json:"name"`
	Role string `json:"role"`
}

// SetCluster puts a cluster there, or in the place of the one with the same name.
func (s *Server) SetCluster(c Cluster) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.addCluster(c)
}

func (st *state) addCluster(c Cluster) {
	c.Account = cmp.Or(c.Account, homeAccount)
	c.AccessEntries = slices.Clone(c.AccessEntries)
	for i := range c.AccessEntries {
		e := &c.AccessEntries[i]
		e.UniqueID = cmp.Or(e.UniqueID, st.uniqueID(e.Principal))
	}
	st.clusters[c.Name] = c
}

// eksCall says which action a request to EKS's REST interface is, with its parameters; "" if it is none.
func eksCall(r *http.Request) (action string, form url.Values) {
	parts := strings.Split(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/")
	for i, p := range parts {
		var err error
		if parts[i], err = url.PathUnescape(p); err != nil {
			return "", nil
		}
	}
	form = r.URL.Query()
	if r.Method != http.MethodGet || len(parts) < 2 || parts[0] != "clusters" {
		return "", nil
	}
	form.Set("name", parts[1])
	kind := ""
	if len(parts) > 2 {
		kind = parts[2]
	}
	if len(parts) > 3 {
		form.Set("item", strings.Join(parts[3:], "/"))
	}
	action = eksActions[kind+strings.Repeat("/", min(len(parts), 4)-2)]
	if action == "" {
		return "", nil
	}
	return action, form
}

// eksActions are the actions by what follows /clusters/NAME, with a slash at the end for each part.
var eksActions = map[string]string{
	"": "DescribeCluster", "access-entries/": "ListAccessEntries", "access-entries//": "DescribeAccessEntry",
	"fargate-profiles/": "ListFargateProfiles", "fargate-profiles//": "DescribeFargateProfile",
	"node-groups/": "ListNodegroups", "node-groups//": "DescribeNodegroup",
}

func (s *Server) eks(caller identity, action string, form url.Values) answer {
	c, ok := s.state.clusters[form.Get("name")]
	if !ok || c.Account != caller.account {
		return errorAnswer("eks", awsError{http.StatusNotFound, "ResourceNotFoundException", fmt.Sprintf("No cluster found for name: %s.", form.Get("name"))})
	}
	if strings.Contains(action, "AccessEntr") && (c.Mode == "" || c.Mode == "CONFIG_MAP") {
		return errorAnswer("eks", awsError{http.StatusBadRequest, "InvalidRequestException",
			"The cluster's authentication mode must be set to one of [API, API_AND_CONFIG_MAP] to perform this operation."})
	}
	item := form.Get("item")
	switch action {
	case "DescribeCluster":
		cluster := map[string]any{"name": c.Name, "arn": "arn:aws:eks:us-west-2:" + c.Account + ":cluster/" + c.Name, "status": "ACTIVE"}
		if c.CertificateAuthority != "" {
			cluster["certificateAuthority"] = map[string]any{"data": []byte(c.CertificateAuthority)} // in base64
		}
		if c.Mode != "" {
			cluster["accessConfig"] = map[string]any{"authenticationMode": c.Mode}
		}
		return jsonAnswer(map[string]any{"cluster": cluster})
	case "ListAccessEntries":
		var arns []string
		for _, e := range c.AccessEntries {
			if p := form.Get("associatedPolicyArn"); p == "" || slices.Contains(e.Policies, p) {
				arns = append(arns, e.Principal)
			}
		}
		return eksList("accessEntries", arns, form)
	case "DescribeAccessEntry":
		for _, e := range c.AccessEntries {
			if e.Principal == item {
				return jsonAnswer(map[string]any{"accessEntry": map[string]any{"clusterName": c.Name, "principalArn": e.Principal,
					"type": cmp.Or(e.Type, "STANDARD"), "kubernetesGroups": append([]string{}, e.Groups...),
					"createdAt": epoch(since(e.Created, s.state.started))}})
			}
		}
	case "ListFargateProfiles":
		var names []string
		for _, p := range c.FargateProfiles {
			names = append(names, p.Name)
		}
		return eksList("fargateProfileNames", names, form)
	case "DescribeFargateProfile":
		for _, p := range c.FargateProfiles {
			if p.Name == item {
				return jsonAnswer(map[string]any{"fargateProfile": map[string]any{"fargateProfileName": p.Name, "clusterName": c.Name,
					"podExecutionRoleArn": p.Role, "status": "ACTIVE"}})
			}
		}
	case "ListNodegroups":
		var names []string
		for _, g := range c.Nodegroups {
			names = append(names, g.Name)
		}
		return eksList("nodegroups", names, form)
	case "DescribeNodegroup":
		for _, g := range c.Nodegroups {
			if g.Name == item {
				return jsonAnswer(map[string]any{"nodegroup": map[string]any{"nodegroupName": g.Name, "clusterName": c.Name, "nodeRole": g.Role, "status": "ACTIVE"}})
			}
		}
	}
	return errorAnswer("eks", awsError{http.StatusNotFound, "ResourceNotFoundException", "The specified resource could not be found: " + item})
}

// eksList is one page of a list; its token is the place of the next item.
func eksList(name string, all []string, form url.Values) answer {
	items := 100
	if n, err := strconv.Atoi(form.Get("maxResults")); err == nil {
		items = n
	}
	if items < 1 || items > 100 {
		return errorAnswer("eks", awsError{http.StatusBadRequest, "InvalidParameterException", "maxResults must be between 1 and 100"})
	}
	from, err := strconv.Atoi(cmp.Or(form.Get("nextToken"), "0"))
	if err != nil || from > len(all) {
		return errorAnswer("eks", awsError{http.StatusBadRequest, "InvalidParameterException", "invalid token"})
	}
	page := append([]string{}, all[from:min(from+items, len(all))]...)
	out := map[string]any{name: page}
	if next := from + len(page); next < len(all) {
		out["nextToken"] = strconv.Itoa(next)
	}
	return jsonAnswer(out)
}

// epoch is how EKS writes a moment: seconds with three digits behind the point, a number (smithy, "AWS restJson1 protocol").
func epoch(t time.Time) json.Number {
	return json.Number(strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64))
}

func jsonAnswer(v any) answer {
	body, err := json.Marshal(v)
	if err != nil {
		return errorAnswer("eks", awsError{http.StatusInternalServerError, "ServerException", err.Error()})
	}
	return answer{status: http.StatusOK, contentType: "application/json", body: body}
}

// eksError is an error as EKS says it: JSON, with the code in a header, and some codes of its own.
func eksError(e awsError) answer {
	switch e.code {
	case "Throttling":
		e.status, e.code = http.StatusTooManyRequests, "ThrottlingException"
	case "AccessDenied":
		e.code = "AccessDeniedException"
	case "ServiceFailure":
		e.code = "ServerException"
	}
	body, err := json.Marshal(map[string]string{"message": e.message})
	if err != nil {
		body = nil
	}
	return answer{status: e.status, contentType: "application/json", errorType: e.code, body: body}
}
