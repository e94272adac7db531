{{- /* One workload with its service account: suffix, values, kind, command, ports, selector name argocd-SUFFIX. */}}
{{- define "argo.component" -}}
{{- $root := .root }}
{{- $fullname := printf "%s-%s" (include "sandbox.fullname" $root) .suffix }}
{{- $name := printf "%s-%s" (include "sandbox.name" $root) .suffix }}
{{- $global := $root.Values.global }}
{{- $repository := .values.image.repository | default $global.image.repository }}
{{- $tag := .values.image.tag | default $global.image.tag | default $root.Chart.AppVersion }}
{{- $named := dict "root" $root "fullname" $fullname "name" $name "account" .values.serviceAccount
      "extraLabels" (dict "app.kubernetes.io/component" .suffix "app.kubernetes.io/part-of" "argocd") }}
{{ include "sandbox.workload" (merge (dict "kind" (.kind | default "Deployment") "values" .values "container" .suffix
    "replicas" (hasKey .values "replicas" | ternary .values.replicas 1) "image" (printf "%s:%s" $repository $tag) "args" .args "ports" .ports
    "podAnnotations" $global.podAnnotations "podLabels" $global.podLabels) $named) }}
---
{{ include "sandbox.serviceAccount" $named }}
{{- with .service }}
---
{{ include "sandbox.service" (merge . $named) }}
{{- end }}
{{- with .rules }}
---
{{ include "sandbox.clusterRole" (merge (dict "rules" .) $named) }}
{{- end }}
{{- end }}
