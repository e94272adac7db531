{{- define "alb.prefix" -}}
{{ .Values.nameOverride | default (trimSuffix "-controller" .Chart.Name) | trunc 42 | trimSuffix "-" }}
{{- end }}

{{- /* As the real chart: given, kept, or made anew on every render (which is why plans need keepTLSSecret). */}}
{{- define "alb.certificate" -}}
{{- $name := printf "%s-tls" (include "alb.prefix" .) -}}
{{- $kept := .Values.keepTLSSecret | ternary (lookup "v1" "Secret" .Release.Namespace $name) dict -}}
{{- $given := .Values.webhookTLS -}}
{{- if and $given.caCert $given.cert $given.key -}}
caCert: {{ $given.caCert | b64enc }}
cert: {{ $given.cert | b64enc }}
key: {{ $given.key | b64enc }}
{{- else if $kept -}}
caCert: {{ index $kept.data "ca.crt" }}
cert: {{ index $kept.data "tls.crt" }}
key: {{ index $kept.data "tls.key" }}
{{- else -}}
{{- $host := printf "%s-webhook-service.%s" (include "alb.prefix" .) .Release.Namespace -}}
{{- $hosts := list $host (printf "%s.svc" $host) (printf "%s.svc.%s" $host .Values.cluster.dnsDomain) -}}
{{- $ca := genCA "aws-load-balancer-controller-ca" 3650 -}}
{{- $cert := genSignedCert (include "sandbox.fullname" .) nil $hosts 3650 $ca -}}
caCert: {{ $ca.Cert | b64enc }}
cert: {{ $cert.Cert | b64enc }}
key: {{ $cert.Key | b64enc }}
{{- end -}}
{{- end }}

{{- /* One webhook: name, path, group, version, resource, operations, failurePolicy, namespaceLabel, selectOthers. */}}
{{- define "alb.webhook" -}}
name: {{ .name }}
admissionReviewVersions: [v1]
sideEffects: None
failurePolicy: {{ .failurePolicy | default "Fail" }}
clientConfig:
  caBundle: {{ .caCert }}
  service:
    name: {{ include "alb.prefix" .root }}-webhook-service
    namespace: {{ .root.Release.Namespace }}
    path: {{ .path }}
{{- with .namespaceLabel }}
namespaceSelector:
  matchExpressions:
  - {key: {{ . }}, operator: In, values: [enabled]}
{{- end }}
{{- if .selectOthers }}
objectSelector:
  matchExpressions:
  - {key: app.kubernetes.io/name, operator: NotIn, values: [{{ include "sandbox.name" .root }}]}
{{- end }}
rules:
- apiGroups: [{{ .group | quote }}]
  apiVersions: [{{ .version }}]
  operations: {{ .operations | toJson }}
  resources: [{{ .resource }}]
{{- end }}
