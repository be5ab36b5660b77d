{{/* The name of all objects. 63 characters are what a label holds; a StatefulSet's pods add a revision of eleven. */}}
{{- define "service.fullname" -}}
{{- $own := ternary .Release.Name (printf "%s-%s" .Release.Name .Chart.Name) .Chart.IsRoot -}}
{{- $limit := ternary 52 63 (eq .Values.kind "StatefulSet") -}}
{{- .Values.fullnameOverride | default $own | trunc $limit | trimSuffix "-" -}}
{{- end }}

{{/* The Service of a StatefulSet's pods' own names. */}}
{{- define "service.headless" -}}
{{- printf "%s-pods" (include "service.fullname" .) -}}
{{- end }}

{{- define "service.account" -}}
{{- .Values.serviceAccount.name | default (ternary (include "service.fullname" .) "default" .Values.serviceAccount.create) -}}
{{- end }}

{{/* What never changes in the life of a release: selectors cannot. Names are quoted, since 1e3 and on are some. */}}
{{- define "service.selector" -}}
app.kubernetes.io/name: {{ .Values.nameOverride | default (include "service.fullname" .) | trunc 63 | trimSuffix "-" | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- define "service.labels" -}}
{{ include "service.selector" . }}
{{- with .Values.image.tag }}
app.kubernetes.io/version: {{ . | quote }}
{{- end }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- with .Values.labels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/*
The metadata of an object: `of` is the chart, `name` and `annotations` its own ones where it has some.
It says its namespace, so that what is rendered can be handed on as it is.
*/}}
{{- define "service.metadata" -}}
name: {{ .name | default (include "service.fullname" .of) | quote }}
namespace: {{ .of.Release.Namespace | quote }}
labels: {{- include "service.labels" .of | nindent 2 }}
{{- with merge dict (.annotations | default dict) .of.Values.annotations }}
annotations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "service.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ with .tag }}:{{ . }}{{ end }}@{{ .digest }}
{{- end }}
{{- end }}
