{{- define "millrace.labels" -}}
app.kubernetes.io/name: millrace
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .name }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- end }}

{{- define "millrace.selector" -}}
app.kubernetes.io/name: millrace
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .name }}
{{- end }}

{{- define "millrace.fullname" -}}
{{ printf "%s-%s" .root.Release.Name .name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "millrace.image" -}}
{{- with .root.Values.image -}}
{{ if .registry }}{{ .registry }}/{{ end }}{{ .repository }}/{{ $.image }}:{{ .tag | default $.root.Chart.AppVersion }}
{{- end }}
{{- end }}

{{- define "millrace.secret" -}}
{{ .root.Values.existingSecret | default (printf "%s-millrace" .root.Release.Name) }}
{{- end }}

{{/* The URLs that a service needs, from the Secret; then its settings. */}}
{{- define "millrace.env" -}}
{{- range $name, $key := dict "MILLRACE_LOG_URL" "logUrl" "MILLRACE_CACHE_URL" "cacheUrl" "MILLRACE_RECORDS_URL" "recordsUrl" }}
- name: {{ $name }}
  valueFrom: {secretKeyRef: {name: {{ include "millrace.secret" $ }}, key: {{ $key }}}}
{{- end }}
{{- if ne .name "ingestion" }}
{{- range $name, $key := dict "MILLRACE_WAREHOUSE_URL" "warehouseUrl" "MILLRACE_WAREHOUSE_READER_URL" "warehouseReaderUrl" }}
- name: {{ $name }}
  valueFrom: {secretKeyRef: {name: {{ include "millrace.secret" $ }}, key: {{ $key }}}}
{{- end }}
{{- end }}
{{- range $name, $value := merge (dict) (.settings | default dict) .root.Values.settings }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}

{{- define "millrace.security" -}}
runAsNonRoot: true
runAsUser: 10001
fsGroup: 10001
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "millrace.container.security" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* A pod of one service. */}}
{{- define "millrace.pod" -}}
metadata:
  labels: {{- include "millrace.labels" . | nindent 4 }}
  annotations:
    prometheus.io/scrape: "true"
    prometheus.io/port: {{ .port | quote }}
spec:
  automountServiceAccountToken: false
  {{- with .root.Values.imagePullSecrets }}
  imagePullSecrets: {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext: {{- include "millrace.security" . | nindent 4 }}
  terminationGracePeriodSeconds: 30
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels: {{- include "millrace.selector" . | nindent 10 }}
  containers:
    - name: {{ .name }}
      image: {{ include "millrace.image" . }}
      imagePullPolicy: {{ .root.Values.image.pullPolicy }}
      securityContext: {{- include "millrace.container.security" . | nindent 8 }}
      ports: [{name: http, containerPort: {{ .port }}}]
      env:
        {{- if eq .name "consumer" }}
        - name: MILLRACE_KAFKA_INSTANCE
          valueFrom: {fieldRef: {fieldPath: metadata.name}}
        {{- end }}
        {{- if .spill }}
        - {name: MILLRACE_SPILL, value: "on"}
        {{- end }}
        {{- include "millrace.env" . | nindent 8 }}
      startupProbe: {httpGet: {path: /live, port: http}, periodSeconds: 2, failureThreshold: 60}
      livenessProbe: {httpGet: {path: /live, port: http}, periodSeconds: 10, timeoutSeconds: 5}
      readinessProbe: {httpGet: {path: /ready, port: http}, periodSeconds: 5, timeoutSeconds: 5}
      resources: {{- toYaml .resources | nindent 8 }}
      volumeMounts:
        - {name: data, mountPath: /data}
        - {name: tmp, mountPath: /tmp}
  volumes:
    {{- if not .spill }}
    - {name: data, emptyDir: {}}
    {{- end }}
    - {name: tmp, emptyDir: {}}
{{- end }}
