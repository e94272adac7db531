{{- /* One workload with service account and Service: suffix, name, values, kind, container, ports. */}}
{{- define "kps.component" -}}
{{- $fullname := .fullname | default (printf "%s-%s" (include "sandbox.fullname" .root) .suffix) }}
{{- $account := .account | default .values.serviceAccount }}
{{- $image := .values.image }}
{{- $named := dict "root" .root "fullname" $fullname "name" .name "account" $account
      "extraLabels" (dict "release" .root.Release.Name) }}
{{ include "sandbox.workload" (merge (dict "kind" (.kind | default "Deployment") "values" .values "replicas" (hasKey .values "replicas" | ternary .values.replicas 1)
    "container" .container "image" (printf "%s/%s:%s" $image.registry $image.repository ($image.tag | default .root.Chart.AppVersion))
    "env" .env "ports" (list (dict "name" "http-web" "containerPort" .port)) "serviceAccountName" .serviceAccountName
    "serviceName" .serviceName "volumeClaimTemplates" .volumeClaimTemplates "podAnnotations" .podAnnotations
    "podLabels" .podLabels) $named) }}
---
{{- $base := merge (dict "fullname" (.serviceFullname | default $fullname)) $named }}
{{ include "sandbox.service" (merge (dict "type" .type "annotations" .annotations
    "ports" (list (dict "name" "http-web" "port" (.servicePort | default .port)))) $base) }}
---
{{ include "sandbox.serviceAccount" $base }}
---
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata:
  {{- include "sandbox.metadata" $base | nindent 2 }}
spec:
  endpoints: [{port: http-web}]
  selector:
    matchLabels:
      {{- include "sandbox.selector" $named | nindent 6 }}
{{- end }}
