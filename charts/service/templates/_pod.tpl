{{/* The pod: what is the same under a Deployment and a StatefulSet. */}}
{{- define "service.pod" -}}
metadata:
  labels:
    {{- include "service.selector" . | nindent 4 }}
    {{- with .Values.image.tag }}
    app.kubernetes.io/version: {{ . | quote }}
    {{- end }}
    {{- with merge dict .Values.pod.labels .Values.labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- if or .Values.config.files .Values.pod.annotations }}
  annotations:
    {{- with .Values.config.files }}
    # A changed file is a changed pod.
    checksum/config: {{ toJson . | sha256sum }}
    {{- end }}
    {{- with .Values.pod.annotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- end }}
spec:
  serviceAccountName: {{ include "service.account" . | quote }}
  automountServiceAccountToken: {{ .Values.serviceAccount.mountToken }}
  # The variables that name every Service of the namespace slow the start and tell more than a pod must know.
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ int .Values.shutdown.graceSeconds }}
  {{- with .Values.image.pullSecrets }}
  imagePullSecrets:
    {{- range . }}
    - name: {{ . | quote }}
    {{- end }}
  {{- end }}
  {{- with .Values.pod.priorityClass }}
  priorityClassName: {{ . | quote }}
  {{- end }}
  securityContext:
    runAsNonRoot: true
    runAsUser: {{ int .Values.security.runAsUser }}
    runAsGroup: {{ int .Values.security.runAsUser }}
    fsGroup: {{ int .Values.security.runAsUser }}
    # A large disk is not walked through at each start.
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile:
      type: RuntimeDefault
  {{- with .Values.pod.nodeSelector }}
  nodeSelector: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.pod.tolerations }}
  tolerations: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.pod.affinity }}
  affinity: {{- toYaml . | nindent 4 }}
  {{- end }}
  topologySpreadConstraints:
    {{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
    - topologyKey: {{ . }}
      maxSkew: 1
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels: {{- include "service.selector" $ | nindent 10 }}
    {{- end }}
  containers:
    - {{ include "service.container" . | nindent 6 | trim }}
  {{- with include "service.volumes" . | trim }}
  volumes: {{- . | nindent 4 }}
  {{- end }}
{{- end }}

{{- define "service.volumes" -}}
{{- if .Values.config.files }}
- name: config
  configMap:
    name: {{ include "service.fullname" . | quote }}
{{- end }}
{{- range $name, $_ := .Values.secretFiles }}
- name: secret-{{ $name | sha256sum | trunc 8 }}
  secret:
    secretName: {{ $name | quote }}
    # The user's group reads; nobody else does.
    defaultMode: 0440
{{- end }}
{{- range $name, $folder := .Values.scratch }}
- name: scratch-{{ $name | trunc 55 | trimSuffix "-" }}
  emptyDir:
    sizeLimit: {{ $folder.size }}
{{- end }}
{{- end }}
