package awsauth

// Code says what kind of problem it is.
type Code int

// The problems, with what the fields of a Problem hold.
const (
	Syntax           Code = iota // not YAML; Got: the parser's words
	NotUTF8                      // bytes that are not valid UTF-8, or else U+FFFD, which may be one; Got: how many; Want: "" for U+FFFD
	OnlyEKSReads                 // EKS reads it and other parsers do not; Got: the error of one that does not
	NarrowComment                // a comment without a space before it, which only EKS reads
	ExtraDocument                // a second document begins here, or the first one ends
	HiddenCharacter              // Got: its name; Value: the word it is in; Want: the text to write, if it is known
	Tab                          // a tab outside of comments, in a text that EKS reads anyway
	Anchor                       // &name; Value: the name
	Alias                        // *name
	Merge                        // <<
	Tag                          // an explicit tag
	DuplicateKey                 // Value: the key; Other: the first one
	NonTextKey                   // a key that is no text; Got: what it is
	UnquotedTemplate             // {{Name}} without quotes; Value: the template
	LookAlikeKey                 // Value: the key; Want: the key it looks like
	ImplicitType                 // text meant, but read as something else; Got: as what; Want: the text to write
	LeadingZero                  // an unquoted account id that begins with 0
	Disagreement                 // two parsers read it differently; Got: what EKS reads
	TwoReadings                  // EKS's two readings of an entry differ; Got: which has what
	NotAList                     // the whole value; Got: what it is
	NotAMapping                  // an item; Got
	NotAListOfGroups             // groups; Value, Got
	NotText                      // a field or a group that is a list or mapping; Got; Want: the text to write, if it is known
	UnknownField                 // Value: the key; Want: the known key that was meant, or ""; Got: the same if that is there too
	WrongCaseField               // Value: the key; Want: the key; Got: the same if that is there too
	MisplacedField               // rolearn under mapUsers, userarn under mapRoles; Want: the right one
	MissingField                 // Want: the field
	NoGroups                     // no groups at all
	EmptyGroup                   // a group that is an empty text, or null (Got)
	TooMany                      // more problems than anyone reads
)

// Problem is one thing that makes the text unsound.
type Problem struct {
	Place
	Code Code
	// Field is the path of the offending field: data.mapRoles[2].rolearn.
	Field string
	// Entry and Subject say what the problem is about, in words that stay the same when lines move: Entry is the
	// item (see Subject), "" if it is not about one; Subject the field, the group, the character.
	Entry, Subject string
	Value          string
	Got, Want      string
	Other          Place
	// Reading is set for TwoReadings.
	Reading Reading
}

// Reading is what the lenient reading makes of an entry.
type Reading struct {
	// Identity names what it gives to whom; see Document.Lenient.
	Identity string
	// Grants says that the difference is something that it alone gives to somebody.
	Grants bool
	// Explained says that another problem of the entry explains the difference.
	Explained bool
	// ToCome says that it does not differ in this yet, and would without another fault.
	ToCome bool
}

// explains reports a problem that may be why parsers read a text differently, or why one complains.
func (pr *Problem) explains() bool {
	switch pr.Code {
	case NoGroups, TwoReadings:
		return false
	case NotUTF8:
		return pr.Want != ""
	}
	return true
}
