// Package manifest reads the file in which an operator keeps the aws-auth ConfigMap.
//
// It reads the text of a file: YAML or JSON, one document or several, a List, the output of kubectl get -o yaml. It
// returns the object as kubectl would send it, findings about the file's own YAML (a missing "|", a duplicate key),
// and a map from every character of mapRoles, mapUsers and mapAccounts back to its line and column in the file.
//
// The object is decoded by the library that kubectl uses (sigs.k8s.io/yaml); go.yaml.in/yaml/v4 only provides the
// positions. Where the two disagree about a value, positions in it fall back to the beginning of the value, so a
// position is never a guess.
//
// Lines and columns count from 1; columns count characters (Unicode code points); a byte order mark is not counted.
package manifest
