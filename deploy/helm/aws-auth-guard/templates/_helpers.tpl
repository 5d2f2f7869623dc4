{{- define "aws-auth-guard.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- /* Short enough for the longest suffix and for a Service's name. */ -}}
{{- define "aws-auth-guard.fullname" -}}
{{- $name := include "aws-auth-guard.name" . }}
{{- if .Values.fullnameOverride }}{{ $name = .Values.fullnameOverride }}
{{- else if not (contains $name .Release.Name) }}{{ $name = printf "%s-%s" .Release.Name $name }}
{{- else }}{{ $name = .Release.Name }}
{{- end }}
{{- $name | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "aws-auth-guard.selectorLabels" -}}
app.kubernetes.io/name: {{ include "aws-auth-guard.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- define "aws-auth-guard.ownLabels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "aws-auth-guard.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- /* What is set in a map of values: a null removes what another values file sets, and must not reach the API server. */ -}}
{{- define "aws-auth-guard.set" -}}
{{- $set := dict }}
{{- range $key, $value := . }}
{{- if kindIs "map" $value }}{{ $_ := set $set $key (include "aws-auth-guard.set" $value | fromYaml) }}
{{- else if not (kindIs "invalid" $value) }}{{ $_ := set $set $key $value }}
{{- end }}
{{- end }}
{{- toYaml $set }}
{{- end }}

{{- define "aws-auth-guard.labels" -}}
{{ include "aws-auth-guard.labelsWith" (list . dict) }}
{{- end }}

{{- /* The labels of every object, and further ones, which take precedence over commonLabels. */ -}}
{{- define "aws-auth-guard.labelsWith" -}}
{{ include "aws-auth-guard.ownLabels" (first .) }}
{{- with include "aws-auth-guard.set" (merge dict (default dict (last .)) (default dict (first .).Values.commonLabels)) | fromYaml }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "aws-auth-guard.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}{{ default (include "aws-auth-guard.fullname" .) .Values.serviceAccount.name }}
{{- else }}{{ required "serviceAccount.name is missing: name the ServiceAccount to use, or set serviceAccount.create" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "aws-auth-guard.image" -}}
{{- if .Values.image.digest }}{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else }}{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end }}
{{- end }}

{{- /* The value of --iam or --fleet for an enabled: auto, or the word for true, or off. */ -}}
{{- define "aws-auth-guard.ask" -}}
{{- if eq (toString (first .)) "auto" }}auto{{ else }}{{ ternary (last .) "off" (first .) }}{{ end }}
{{- end }}

{{- /* Not empty if anything that is, or may be, switched on calls AWS, and so needs credentials for it. */ -}}
{{- define "aws-auth-guard.callsAWS" -}}
{{- if or .Values.iam.enabled .Values.fleet.enabled }}true{{ end }}
{{- end }}

{{- /* The Secret with the certificate. In the modes self and certManager it is created in the cluster. */ -}}
{{- define "aws-auth-guard.tlsSecret" -}}
{{- if eq .Values.tls.mode "existingSecret" }}{{ required "tls.existingSecret is missing: name the Secret with tls.crt and tls.key" .Values.tls.existingSecret }}
{{- else }}{{ include "aws-auth-guard.fullname" . }}-tls
{{- end }}
{{- end }}

{{- /* The match conditions of guard and witness, from the file that the tests read as well. */ -}}
{{- define "aws-auth-guard.matchConditions" -}}
{{- tpl (.Files.Get "files/match-conditions.yaml") (dict "exemptUsernames" .Values.policy.exempt.usernames "breakGlassGroups" .Values.policy.breakGlass.groups "Template" .Template) }}
{{- end }}

{{- /* What the policies in the API server look at, before their match conditions. */ -}}
{{- define "aws-auth-guard.matchConstraints" -}}
namespaceSelector:
  matchLabels:
    kubernetes.io/metadata.name: kube-system
objectSelector: {}
resourceRules:
  - apiGroups: [""]
    apiVersions: [v1]
    operations: [CREATE, UPDATE, DELETE]
    resources: [configmaps]
    scope: Namespaced
{{- end }}

{{- /* The defaults of a profile, as fields of the policy. */ -}}
{{- define "aws-auth-guard.profile" -}}
{{- if eq (default "" .Values.profile) "starter" -}}
mode: audit
{{- else if eq (default "" .Values.profile) "strict" -}}
mode: enforce
rules: {missing-field: error, unknown-template: error}
privileged: {onUnreadable: deny}
nodes: {onUnknown: deny}
{{- else -}}
mode: enforce
{{- end }}
{{- end }}

{{- /* The mode in force. */ -}}
{{- define "aws-auth-guard.mode" -}}
{{- default (include "aws-auth-guard.profile" . | fromYaml).mode .Values.policy.mode }}
{{- end }}

{{- /*
The policy file. Empty values mean "not set" and are left out, so that the policy's own defaults apply. `off` without quotes
is a boolean by the time that it arrives here, and means the severity.
*/ -}}
{{- define "aws-auth-guard.policy" -}}
{{- $p := deepCopy .Values.policy }}
{{- $rules := dict }}
{{- range $rule, $severity := $p.rules }}{{ $_ := set $rules $rule (ternary "off" $severity (eq (toString $severity) "false")) }}{{ end }}
{{- $_ := set $p "rules" $rules }}
{{- if not $p.mode }}{{ $_ := unset $p "mode" }}{{ end }}
{{- if not $p.partition }}{{ $_ := unset $p "partition" }}{{ end }}
{{- range $key := list "rules" "accounts" "required" "waivers" }}
{{- if not (get $p $key) }}{{ $_ := unset $p $key }}{{ end }}
{{- end }}
{{- if $p.iam }}
{{- if not $p.iam.region }}{{ $_ := unset $p.iam "region" }}{{ end }}
{{- if $p.iam.timeouts }}
{{- range $key := list "call" "total" }}
{{- if not (get $p.iam.timeouts $key) }}{{ $_ := unset $p.iam.timeouts $key }}{{ end }}
{{- end }}
{{- if not $p.iam.timeouts }}{{ $_ := unset $p.iam "timeouts" }}{{ end }}
{{- end }}
{{- end }}
{{- /* An upgrade changes the policy before the last old replica has stopped, and a guard rejects a field that it does not know. */}}
{{- if and $p.privileged (not $p.privileged.onUnreadable) }}{{ $_ := unset $p.privileged "onUnreadable" }}{{ end }}
{{- if and $p.iam $p.iam.suggestOtherAccounts }}
{{- range $key := list "usernames" "groups" }}
{{- if not (get $p.iam.suggestOtherAccounts $key) }}{{ $_ := unset $p.iam.suggestOtherAccounts $key }}{{ end }}
{{- end }}
{{- if not $p.iam.suggestOtherAccounts }}{{ $_ := unset $p.iam "suggestOtherAccounts" }}{{ end }}
{{- end }}
{{- if $p.nodes }}
{{- range $key := list "roles" "onUnknown" }}
{{- if not (get $p.nodes $key) }}{{ $_ := unset $p.nodes $key }}{{ end }}
{{- end }}
{{- end }}
{{- if not $p.nodes }}{{ $_ := unset $p "nodes" }}{{ end }}
{{- if $p.contact }}
{{- range $key := list "text" "url" }}
{{- if not (get $p.contact $key) }}{{ $_ := unset $p.contact $key }}{{ end }}
{{- end }}
{{- end }}
{{- if not $p.contact }}{{ $_ := unset $p "contact" }}{{ end }}
{{- $profile := include "aws-auth-guard.profile" . | fromYaml }}
{{- /* A rule has an id and a name, and is set by one of them. */}}
{{- range $id, $name := dict "AA106" "missing-field" "AA206" "unknown-template" }}
{{- if hasKey $rules $id }}{{ $_ := unset (default dict $profile.rules) $name }}{{ end }}
{{- end }}
{{- $p = merge $p $profile }}
apiVersion: aws-auth-guard.io/v1alpha1
kind: Policy
{{ toYaml $p }}
{{- end }}

{{- /* A duration in seconds: of Go's or of Prometheus' units. */ -}}
{{- define "aws-auth-guard.seconds" -}}
{{- $unit := dict "ms" 0.001 "s" 1.0 "m" 60.0 "h" 3600.0 "d" 86400.0 "w" 604800.0 "y" 31536000.0 }}
{{- $all := 0.0 }}
{{- range regexFindAll "[0-9.]+[a-z]+" . -1 }}
{{- $all = addf $all (mulf (regexFind "[0-9.]+" . | float64) (get $unit (regexFind "[a-z]+" .))) }}
{{- end }}
{{- $all }}
{{- end }}

{{- /* A quantity of Kubernetes as a number. */ -}}
{{- define "aws-auth-guard.quantity" -}}
{{- $suffix := dict "n" 1e-9 "u" 1e-6 "m" 1e-3 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "P" 1e15 "E" 1e18 "Ki" 1024.0 "Mi" 1048576.0 "Gi" 1073741824.0 "Ti" 1099511627776.0 "Pi" 1125899906842624.0 "Ei" 1152921504606846976.0 }}
{{- $text := toString . }}
{{- $unit := regexFind "([numkMGTPE]|[KMGTPE]i)$" $text }}
{{- mulf (trimSuffix $unit $text | float64) (default 1.0 (get $suffix $unit | default 1.0)) }}
{{- end }}

{{- /* Not empty if the address of a network (CIDR) has no bits beyond the prefix length. */ -}}
{{- define "aws-auth-guard.isNetwork" -}}
{{- $address := regexReplaceAll "/.*$" . "" }}
{{- $length := regexFind "[0-9]+$" . | int }}
{{- $width := 8 }}
{{- $groups := list }}
{{- if contains ":" $address }}
{{- $width = 16 }}
{{- $sides := splitList "::" $address }}
{{- $left := without (splitList ":" (first $sides)) "" }}
{{- $right := list }}
{{- if gt (len $sides) 1 }}{{ $right = without (splitList ":" (last $sides)) "" }}{{ end }}
{{- range $left }}{{ $groups = append $groups (printf "0x%s" . | int) }}{{ end }}
{{- range untilStep 0 (int (sub 8 (add (len $left) (len $right)))) 1 }}{{ $groups = append $groups 0 }}{{ end }}
{{- range $right }}{{ $groups = append $groups (printf "0x%s" . | int) }}{{ end }}
{{- else }}
{{- range splitList "." $address }}{{ $groups = append $groups (int .) }}{{ end }}
{{- end }}
{{- $clean := true }}
{{- range $i, $group := $groups }}
{{- /* The bits of this group that are not part of the network. */}}
{{- $free := min $width (max 0 (sub (mul (add1 $i) $width) $length)) | int }}
{{- $size := 1 }}
{{- range until $free }}{{ $size = mul $size 2 }}{{ end }}
{{- if ne (mod $group $size) 0 }}{{ $clean = false }}{{ end }}
{{- end }}
{{- if $clean }}true{{ end }}
{{- end }}

{{- /*
A CEL expression: w is one letter more, one less, another one or two neighbours swapped away from the word, or the word. The beginning
and the end of the word are there, and between them something in place of two letters, or of one in a longer w.
*/ -}}
{{- define "aws-auth-guard.isNear" -}}
{{- $n := len . }}
{{- $indices := until $n | join ", " }}
{{- $begins := printf "w.startsWith('%s'.substring(0, i))" . }}
{{- $ends := printf "w.endsWith('%s'.substring(w.size() > %d || i == %d ? i + 1 : i + 2))" . $n (sub $n 1) -}}
w.size() >= {{ sub $n 1 }} && w.size() <= {{ add1 $n }} && [{{ $indices }}].exists(i, {{ $begins }} && {{ $ends }})
{{- end }}
