{{/* What a schema cannot say, or would say without its reason. */}}
{{- define "service.rules" -}}
{{- $v := .Values -}}
{{- if eq $v.image.tag "latest" }}
{{- fail "image.tag: found latest; expected the tag that the digest had, or none (latest tells nobody what runs). Name the version" }}
{{- end }}
{{- if and $v.persistence.enabled (ne $v.kind "StatefulSet") }}
{{- fail "persistence.enabled: found true with kind Deployment; expected kind StatefulSet (a Deployment's pods would share one disk). Set kind: StatefulSet" }}
{{- end }}
{{- if ge (int $v.shutdown.drainSeconds) (int $v.shutdown.graceSeconds) }}
{{- fail (printf "shutdown.graceSeconds: found %d with drainSeconds %d; expected more (the process is killed before it is told to end). Raise graceSeconds" (int $v.shutdown.graceSeconds) (int $v.shutdown.drainSeconds)) }}
{{- end }}
{{- if $v.autoscaling.enabled }}
{{- if gt (int $v.autoscaling.minReplicas) (int $v.autoscaling.maxReplicas) }}
{{- fail (printf "autoscaling.maxReplicas: found %d with minReplicas %d; expected no fewer. Raise maxReplicas" (int $v.autoscaling.maxReplicas) (int $v.autoscaling.minReplicas)) }}
{{- end }}
{{- range $name := list "cpu" "memory" }}
{{- if and (int (get $v.autoscaling $name)) (not (get $v.resources.requests $name)) }}
{{- fail (printf "autoscaling.%s: found a share of resources.requests.%s, which is none; expected a request (load is measured against it). Set the request, or autoscaling.%s: 0" $name $name $name) }}
{{- end }}
{{- end }}
{{- if not (or (int $v.autoscaling.cpu) (int $v.autoscaling.memory)) }}
{{- fail "autoscaling.cpu: found 0, and memory 0; expected one of them (nothing would scale). Set cpu" }}
{{- end }}
{{- end }}
{{- range $name, $number := $v.extraPorts }}
{{- if or (eq $name "http") (eq (int $number) (int $v.port)) }}
{{- fail (printf "extraPorts.%s: found %d, which is as port is, or is named as it; expected a name other than http and a number of its own. Rename it, or leave it to port" $name (int $number)) }}
{{- end }}
{{- end }}
{{- range $name, $_ := $v.secretEnv }}
{{- if hasKey $v.env $name }}
{{- fail (printf "secretEnv.%s: found it in env too; expected it once (one would be lost). Take one out" $name) }}
{{- end }}
{{- end }}
{{- if and (ne $v.service.type "ClusterIP") $v.networkPolicy.enabled (eq (toJson $v.networkPolicy.from) `[{"podSelector":{}}]`) }}
{{- fail (printf "networkPolicy.from: found the namespace's own pods alone with service.type %s; expected those that come from outside (they would be let in and dropped). Add an ipBlock" $v.service.type) }}
{{- end }}
{{- if and (eq (toString $v.rollout.maxSurge | trimSuffix "%") "0") (eq (toString $v.rollout.maxUnavailable | trimSuffix "%") "0") }}
{{- fail "rollout.maxSurge: found 0, and maxUnavailable 0; expected one of them above (no pod could ever be replaced). Set maxSurge: 1" }}
{{- end }}
{{- range list "app.kubernetes.io/name" "app.kubernetes.io/instance" "app.kubernetes.io/version" "app.kubernetes.io/managed-by" "helm.sh/chart" }}
{{- if or (hasKey $v.labels .) (hasKey $v.pod.labels .) }}
{{- fail (printf "labels: found %s, which is the chart's own; expected another (pods are selected and told apart by it). Use nameOverride or image.tag" .) }}
{{- end }}
{{- end }}
{{- end }}
