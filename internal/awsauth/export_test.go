package awsauth

var Hidden = hidden
