// Package manifest reads the file in which an operator keeps the aws-auth ConfigMap.
//
// In goes the text of a file: YAML or JSON, one document or several, a List, the output of kubectl get -o yaml. Out
// come the object as kubectl would send it, findings about the file's own YAML (a missing "|", a key written twice),
// and a map from every character of mapRoles, mapUsers and mapAccounts back to its line and column in the file.
//
// What the object holds is decided by the library that kubectl decodes with (sigs.k8s.io/yaml);
// go.yaml.in/yaml/v4 only says where things stand. Where the two disagree about a value, places in it fall back to
// the place where the value begins, so a place is never a guess.
//
// Lines and columns count from 1; columns count characters (Unicode code points); a byte order mark is not counted.
package manifest
