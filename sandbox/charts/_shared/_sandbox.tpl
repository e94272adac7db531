{{- /* Helpers every stand-in chart gets at package time. Each takes a dict with `root` (the chart's top context). */}}

{{- define "sandbox.name" -}}
{{ .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "sandbox.fullname" -}}
{{- $name := include "sandbox.name" . -}}
{{- $default := contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) -}}
{{ .Values.fullnameOverride | default $default | trunc (eq .Chart.Name "kube-prometheus-stack" | ternary 26 63) | trimSuffix "-" }}
{{- end }}

{{- define "sandbox.selector" -}}
app.kubernetes.io/name: {{ .name | default (include "sandbox.name" .root) }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- with .extraSelector }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "sandbox.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
{{ include "sandbox.selector" . }}
{{- with .extraLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "sandbox.metadata" -}}
name: {{ .fullname | default (include "sandbox.fullname" .root) }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "sandbox.labels" . | nindent 2 }}
{{- with .annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* The name that pods run as: the chart's own account, a named one, or "default". */}}
{{- define "sandbox.serviceAccountName" -}}
{{- $account := .account | default dict -}}
{{- if $account.create -}}
{{ $account.name | default .fullname | default (include "sandbox.fullname" .root) }}
{{- else -}}
{{ $account.name | default "default" }}
{{- end -}}
{{- end }}

{{- define "sandbox.serviceAccount" -}}
{{- if .account.create }}
apiVersion: v1
kind: ServiceAccount
metadata:
  {{- $named := merge (dict "fullname" (include "sandbox.serviceAccountName" .) "annotations" .account.annotations) . }}
  {{- include "sandbox.metadata" $named | nindent 2 }}
{{- end }}
{{- end }}

{{- /* ClusterRole `rules` bound to the service account. */}}
{{- define "sandbox.clusterRole" -}}
{{- $name := .fullname | default (include "sandbox.fullname" .root) }}
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: {{ $name }}
  labels:
    {{- include "sandbox.labels" . | nindent 4 }}
rules:
  {{- toYaml .rules | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: {{ $name }}
  labels:
    {{- include "sandbox.labels" . | nindent 4 }}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: {{ $name }}}
subjects:
- kind: ServiceAccount
  name: {{ include "sandbox.serviceAccountName" . }}
  namespace: {{ .root.Release.Namespace }}
{{- end }}

{{- /* Service; `ports` is a list of {name, port, targetPort}. */}}
{{- define "sandbox.service" -}}
apiVersion: v1
kind: Service
metadata:
  {{- include "sandbox.metadata" . | nindent 2 }}
spec:
  type: {{ .type | default "ClusterIP" }}
  {{- if .headless }}
  clusterIP: None
  {{- end }}
  ports:
  {{- range .ports }}
  - {name: {{ .name }}, port: {{ .port }}, targetPort: {{ .targetPort | default .name }}, protocol: TCP}
  {{- end }}
  selector:
    {{- include "sandbox.selector" . | nindent 4 }}
{{- end }}

{{- /* Deployment, StatefulSet or DaemonSet (`kind`) with one container. `values` is the part of the values that has the
       pod settings: podAnnotations, podLabels, resources, nodeSelector, affinity, tolerations, priorityClassName. */}}
{{- define "sandbox.workload" -}}
{{- $kind := .kind | default "Deployment" }}
{{- $values := .values | default dict }}
apiVersion: apps/v1
kind: {{ $kind }}
metadata:
  {{- include "sandbox.metadata" . | nindent 2 }}
spec:
  {{- if ne $kind "DaemonSet" }}
  replicas: {{ .replicas }}
  {{- end }}
  {{- if eq $kind "StatefulSet" }}
  serviceName: {{ .serviceName | default .fullname }}
  podManagementPolicy: Parallel
  {{- end }}
  {{- with .strategy }}
  strategy:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  selector:
    matchLabels:
      {{- include "sandbox.selector" . | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "sandbox.selector" . | nindent 8 }}
        {{- with merge (dict) (.podLabels | default dict) ($values.podLabels | default dict) }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with merge (dict) ($values.podAnnotations | default dict) (.podAnnotations | default dict) }}
      annotations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
    spec:
      serviceAccountName: {{ .serviceAccountName | default (include "sandbox.serviceAccountName" .) }}
      {{- with $values.priorityClassName }}
      priorityClassName: {{ . }}
      {{- end }}
      containers:
      - name: {{ .container }}
        image: {{ .image | quote }}
        imagePullPolicy: IfNotPresent
        {{- with .args }}
        args:
          {{- toYaml . | nindent 10 }}
        {{- end }}
        {{- with .env }}
        env:
          {{- range $name, $value := . }}
          - {name: {{ $name }}, value: {{ $value | quote }}}
          {{- end }}
        {{- end }}
        {{- with .ports }}
        ports:
          {{- range . }}
          - {name: {{ .name }}, containerPort: {{ .containerPort }}, protocol: TCP}
          {{- end }}
        {{- end }}
        {{- with $values.resources }}
        resources:
          {{- toYaml . | nindent 10 }}
        {{- end }}
        {{- with .volumeMounts }}
        volumeMounts:
          {{- toYaml . | nindent 10 }}
        {{- end }}
      {{- with .volumes }}
      volumes:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- range $key := list "nodeSelector" "affinity" "tolerations" "topologySpreadConstraints" }}
      {{- with index $values $key }}
      {{ $key }}:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- end }}
  {{- with .volumeClaimTemplates }}
  volumeClaimTemplates:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
