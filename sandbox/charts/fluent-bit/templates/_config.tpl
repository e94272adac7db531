{{- /* As in the real chart every text is a template: braces in it are filled in. */}}
{{- define "fluent-bit.config" -}}
apiVersion: v1
kind: ConfigMap
metadata:
  {{- include "sandbox.metadata" (dict "root" .) | nindent 2 }}
data:
  custom_parsers.conf: |
    {{- tpl .Values.config.customParsers . | nindent 4 }}
  fluent-bit.conf: |
    {{- range $part := list "service" "inputs" "filters" "outputs" }}
    {{- tpl (index $.Values.config $part) $ | nindent 4 }}
    {{- end }}
{{- end }}
