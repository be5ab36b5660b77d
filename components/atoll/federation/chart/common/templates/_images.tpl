{{/*
Where an image is: (dict "imageRoot" IMAGE "global" GLOBAL); the registry of all images wins, and a digest over a tag.
*/}}
{{- define "common.images.image" -}}
{{- $registry := .imageRoot.registry -}}
{{- with .global }}{{ with .imageRegistry }}{{ $registry = . }}{{ end }}{{ end -}}
{{- $name := .imageRoot.repository -}}
{{- if $registry }}{{ $name = printf "%s/%s" $registry $name }}{{ end -}}
{{- if .imageRoot.digest -}}
{{- printf "%s@%s" $name .imageRoot.digest -}}
{{- else -}}
{{- printf "%s:%s" $name (toString .imageRoot.tag) -}}
{{- end -}}
{{- end -}}

{{/*
The Secrets that images are pulled with: (dict "images" IMAGES "global" GLOBAL), each once.
*/}}
{{- define "common.images.pullSecrets" -}}
{{- $names := list -}}
{{- with .global }}{{ range .imagePullSecrets }}{{ $names = append $names (kindIs "map" . | ternary (get . "name") .) }}{{ end }}{{ end -}}
{{- range .images }}{{ range .pullSecrets }}{{ $names = append $names (kindIs "map" . | ternary (get . "name") .) }}{{ end }}{{ end -}}
{{- with uniq $names }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
{{- end -}}
