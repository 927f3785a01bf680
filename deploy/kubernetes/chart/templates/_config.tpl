{{/* Converts a quantity such as "500m" or "2" to cores. */}}
{{- define "almanac.cores" -}}
{{- $quantity := toString . -}}
{{- if hasSuffix "m" $quantity -}}
{{- divf (float64 (trimSuffix "m" $quantity)) 1000 -}}
{{- else -}}
{{- $quantity -}}
{{- end -}}
{{- end -}}

{{/* Renders almanac.toml. Strings, numbers and lists of JSON are valid TOML; a table within a section has its own heading. */}}
{{- define "almanac.toml" -}}
{{- $config := deepCopy .Values.config -}}
{{- $server := dict "request_timeout" (printf "%ds" (int .Values.timeouts.request)) "idle_timeout" (printf "%ds" (int .Values.timeouts.idle)) -}}
{{- $shutdown := dict "drain_delay" (printf "%ds" (int .Values.timeouts.drainDelay)) "drain_deadline" (printf "%ds" (int .Values.timeouts.drainDeadline)) -}}
{{- $config = mergeOverwrite $config (dict "server" $server "shutdown" $shutdown) -}}
{{- $limits := default dict .Values.resources.limits -}}
{{- $requests := default dict .Values.resources.requests -}}
{{- if and (not $limits.cpu) $requests.cpu (not (dig "engine" "cores" nil $config)) -}}
{{- $config = mergeOverwrite $config (dict "engine" (dict "cores" (include "almanac.cores" $requests.cpu | float64))) -}}
{{- end -}}
{{- range $section, $settings := $config }}
[{{ $section }}]
{{- range $key, $value := $settings }}
{{- if not (kindIs "map" $value) }}
{{ $key }} = {{ toRawJson $value }}
{{- end }}
{{- end }}
{{- range $key, $table := $settings }}
{{- if kindIs "map" $table }}

[{{ $section }}.{{ $key }}]
{{- range $name, $value := $table }}
{{ $name }} = {{ toRawJson $value }}
{{- end }}
{{- end }}
{{- end }}
{{ end }}
{{- end -}}
