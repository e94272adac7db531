{{- /* One of the three deployments with its service account: suffix, values, args, ports, rules. */}}
{{- define "eso.component" -}}
{{- $fullname := printf "%s%s" (include "sandbox.fullname" .root) .suffix }}
{{- $image := .values.image }}
{{- $named := dict "root" .root "fullname" $fullname "name" (printf "%s%s" .root.Chart.Name .suffix) "account" .values.serviceAccount }}
{{ include "sandbox.workload" (merge (dict "values" .values "replicas" .values.replicaCount "container" (.container | default .root.Chart.Name)
    "image" (printf "%s:%s" $image.repository ($image.tag | default .root.Chart.AppVersion))
    "args" .args "ports" .ports "volumes" .volumes) $named) }}
---
{{ include "sandbox.serviceAccount" $named }}
{{- with .rules }}
---
{{ include "sandbox.clusterRole" (merge (dict "rules" .) $named) }}
{{- end }}
{{- end }}
