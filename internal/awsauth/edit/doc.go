// Package edit changes the text of aws-auth: it adds an entry, removes the entries of an ARN, or sets the username and
// groups of one.
//
// In go the ConfigMap's data and the change; out comes new data. All that the change is not about keeps its bytes: comments,
// order, indentation, quotes, line ends. What is new is written in the style of what is there. The text is cut at the
// places of YAML nodes, never marshalled.
//
// The new text is read again, and must mean the old entries with the intended change and nothing else. If it does not, there
// is an error and no data: whoever calls this cannot write a text that was not understood.
package edit
