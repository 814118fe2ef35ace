{{/* The beginning of all names: the release's, with the chart's where the release does not say it. */}}
{{- define "fairlead.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* By what one component's pods are found: (list . "gateway"). */}}
{{- define "fairlead.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: fairlead
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* Labels of everything: (list . "gateway"). */}}
{{- define "fairlead.labels" -}}
{{- $root := index . 0 -}}
{{ include "fairlead.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version }}
{{- with $root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Labels of a component's pods, without what changes with each release and would restart them: (list . "gateway" $pod). */}}
{{- define "fairlead.podLabels" -}}
{{- $root := index . 0 -}}
{{- $own := include "fairlead.selector" . | fromYaml -}}
{{- toYaml (mergeOverwrite (dict) $root.Values.commonLabels ((index . 2).labels | default dict) $own) -}}
{{- end -}}

{{/* One of our images: (list . "gateway"). */}}
{{- define "fairlead.image" -}}
{{- $root := index . 0 -}}
{{- $image := $root.Values.image -}}
{{- $registry := required "image.registry is empty, and no public registry holds Fairlead's images yet. Bring them to one of yours with `make images push REGISTRY=registry.example.com/fairlead`, and write --set image.registry=registry.example.com/fairlead" $image.registry -}}
{{- printf "%s/fairlead-%s:%s" (trimSuffix "/" $registry) (index . 1) ($image.tag | default $root.Chart.AppVersion) -}}
{{- end -}}

{{/* One value of an environment, as text: lists with commas. Numbers never turn into 1e+06. */}}
{{- define "fairlead.text" -}}
{{- if kindIs "string" . -}}
{{- . -}}
{{- else if kindIs "slice" . -}}
{{- join "," . -}}
{{- else -}}
{{- toJson . -}}
{{- end -}}
{{- end -}}

{{/* What every pod may not do. */}}
{{- define "fairlead.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ . }}
runAsGroup: {{ . }}
fsGroup: {{ . }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "fairlead.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{/* Where pods go: (list . $pod). */}}
{{- define "fairlead.placement" -}}
{{- $root := index . 0 -}}
{{- $pod := index . 1 -}}
{{- with $root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with $pod.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $pod.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $pod.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $pod.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Names of Secrets, ours or yours. */}}
{{- define "fairlead.authSecret" -}}
{{- .Values.auth.existingSecret | default (printf "%s-auth" (include "fairlead.fullname" .)) -}}
{{- end -}}
{{- define "fairlead.apiKeysSecret" -}}
{{- .Values.auth.existingApiKeysSecret | default (printf "%s-api-keys" (include "fairlead.fullname" .)) -}}
{{- end -}}
{{- define "fairlead.hopSecret" -}}
{{- .Values.auth.existingHopSecret | default (printf "%s-hop" (include "fairlead.fullname" .)) -}}
{{- end -}}
{{- define "fairlead.redisSecret" -}}
{{- .Values.redis.existingSecret | default (printf "%s-redis" (include "fairlead.fullname" .)) -}}
{{- end -}}
{{- define "fairlead.tenantsConfigMap" -}}
{{- .Values.existingTenantsConfigMap | default (printf "%s-tenants" (include "fairlead.fullname" .)) -}}
{{- end -}}

{{/* The first declared tenant, for which NOTES and the test speak. */}}
{{- define "fairlead.firstTenant" -}}
{{- .Values.gateway.testTenant | default (.Values.tenants.tenants | default dict | keys | sortAlpha | first) | default "default" -}}
{{- end -}}

{{/*
One value of a Secret that is made once: what the cluster holds already, else new. (list . SECRET KEY)
Without a cluster, as in `helm template` and under Argo CD, every rendering makes another: name existing Secrets there.
*/}}
{{- define "fairlead.once" -}}
{{- $root := index . 0 -}}
{{- $key := index . 2 -}}
{{- $found := (lookup "v1" "Secret" $root.Release.Namespace (index . 1)).data | default dict -}}
{{- get $found $key | default (randAlphaNum 64 | b64enc) -}}
{{- end -}}

{{- define "fairlead.kept" -}}
{{- if .Values.keepOnUninstall }}
annotations:
  helm.sh/resource-policy: keep
{{- end }}
{{- end -}}

{{/* Whether Redis's addresses lie in a Secret: "true" or nothing. */}}
{{- define "fairlead.redisFromSecret" -}}
{{- if or .Values.valkey.enabled .Values.redis.existingSecret -}}true{{- end -}}
{{- end -}}

{{/* Where limits, ledger and cache lie. */}}
{{- define "fairlead.redisEnvironment" -}}
{{- if eq (include "fairlead.redisFromSecret" .) "true" -}}
- {name: FAIRLEAD_GATEWAY_REDIS_URL_FILE, value: /var/run/fairlead/redis/url}
- {name: FAIRLEAD_GATEWAY_CACHE_REDIS_URL_FILE, value: /var/run/fairlead/redis/cache-url}
{{- else -}}
{{- $url := required "valkey.enabled is false, so the gateways need a Redis: write redis.url, such as redis://redis.example:6379, or name in redis.existingSecret a Secret that has `url` and `cache-url`" .Values.redis.url -}}
- {name: FAIRLEAD_GATEWAY_REDIS_URL, value: {{ $url | quote }}}
{{- with .Values.redis.cacheUrl }}
- {name: FAIRLEAD_GATEWAY_CACHE_REDIS_URL, value: {{ . | quote }}}
{{- end }}
{{- end -}}
{{- end -}}

{{/*
Rights to what lies beside models: in each of watchNamespaces a Role, else one ClusterRole. (list . "gateway" RULES)
Where the release's own namespace is watched, the Role there must not have the name of the component's own.
*/}}
{{- define "fairlead.watching" -}}
{{- $root := index . 0 -}}
{{- $component := index . 1 -}}
{{- $rules := index . 2 -}}
{{- $account := printf "%s-%s" (include "fairlead.fullname" $root) $component -}}
{{- $labels := include "fairlead.labels" (list $root $component) -}}
{{- if $root.Values.watchNamespaces }}
{{- range $root.Values.watchNamespaces }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: {{ $account }}-models
  namespace: {{ . }}
  labels: {{- $labels | nindent 4 }}
rules: {{- $rules | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: {{ $account }}-models
  namespace: {{ . }}
  labels: {{- $labels | nindent 4 }}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: {{ $account }}-models}
subjects:
  - {kind: ServiceAccount, name: {{ $account }}, namespace: {{ $root.Release.Namespace }}}
{{- end }}
{{- else }}
{{- $cluster := printf "%s:%s" $root.Release.Namespace $account }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: {{ $cluster }}
  labels: {{- $labels | nindent 4 }}
rules: {{- $rules | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: {{ $cluster }}
  labels: {{- $labels | nindent 4 }}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: {{ $cluster | quote }}}
subjects:
  - {kind: ServiceAccount, name: {{ $account }}, namespace: {{ $root.Release.Namespace }}}
{{- end }}
{{- end -}}
