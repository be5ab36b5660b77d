{{/* The one container of a pod. */}}
{{- define "service.container" -}}
name: service
image: {{ include "service.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- with .Values.command }}
command: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.args }}
args: {{- toYaml . | nindent 2 }}
{{- end }}
{{- if or .Values.env .Values.secretEnv }}
env:
  {{- range $name, $value := .Values.env }}
  - name: {{ $name | quote }}
    value: {{ $value | quote }}
  {{- end }}
  {{- range $name, $from := .Values.secretEnv }}
  - name: {{ $name | quote }}
    valueFrom:
      secretKeyRef:
        name: {{ $from.secret | quote }}
        key: {{ $from.key | quote }}
  {{- end }}
{{- end }}
{{- if or (int .Values.port) .Values.extraPorts }}
ports:
  {{- with int .Values.port }}
  - name: http
    containerPort: {{ . }}
  {{- end }}
  {{- range $name, $number := .Values.extraPorts }}
  - name: {{ $name | quote }}
    containerPort: {{ int $number }}
  {{- end }}
{{- end }}
{{- range $kind, $probe := .Values.probes }}
{{- with include "service.probe" (dict "probe" $probe "port" (int $.Values.port)) | trim }}
{{ $kind }}Probe: {{- . | nindent 2 }}
{{- end }}
{{- end }}
{{- with int .Values.shutdown.drainSeconds }}
lifecycle:
  preStop:
    sleep:
      seconds: {{ . }}
{{- end }}
resources: {{- toYaml .Values.resources | nindent 2 }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: {{ .Values.security.readOnlyRootFilesystem }}
  capabilities:
    drop: [ALL]
    {{- if .Values.security.bindLowPorts }}
    add: [NET_BIND_SERVICE]
    {{- end }}
{{- with include "service.mounts" . | trim }}
volumeMounts: {{- . | nindent 2 }}
{{- end }}
{{- end }}

{{/* By a command, by HTTP or by a connection, whichever can be; nothing without a port and a command. */}}
{{- define "service.probe" -}}
{{- if and .probe.enabled (or .port .probe.command) }}
{{- if .probe.command }}
exec:
  command: {{- toYaml .probe.command | nindent 4 }}
{{- else if .probe.path }}
httpGet:
  path: {{ .probe.path | quote }}
  port: http
{{- else }}
tcpSocket:
  port: http
{{- end }}
periodSeconds: {{ int .probe.periodSeconds }}
timeoutSeconds: {{ int .probe.timeoutSeconds }}
failureThreshold: {{ int .probe.failureThreshold }}
{{- end }}
{{- end }}

{{- define "service.mounts" -}}
{{- if .Values.config.files }}
- name: config
  mountPath: {{ .Values.config.path | quote }}
  readOnly: true
{{- end }}
{{- range $name, $path := .Values.secretFiles }}
- name: secret-{{ $name | sha256sum | trunc 8 }}
  mountPath: {{ $path | quote }}
  readOnly: true
{{- end }}
{{- range $name, $folder := .Values.scratch }}
- name: scratch-{{ $name | trunc 55 | trimSuffix "-" }}
  mountPath: {{ $folder.path | quote }}
{{- end }}
{{- if .Values.persistence.enabled }}
- name: data
  mountPath: {{ .Values.persistence.path | quote }}
{{- end }}
{{- end }}
