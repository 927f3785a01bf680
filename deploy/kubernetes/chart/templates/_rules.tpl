{{/* The rules of deploy/timeouts.toml: a release that violates one would lose requests in every rollout. */}}
{{- define "almanac.rules" -}}
{{- $t := .Values.timeouts -}}
{{- $b := $t.loadBalancer -}}
{{- if lt (int $t.idle) (add $b.idle 5 | int) -}}
{{- fail (printf "timeouts.idle is %v; it must be at least 5 s over timeouts.loadBalancer.idle, or clients see 502" $t.idle) -}}
{{- end -}}
{{- if le (int $b.idle) (int $t.request) -}}
{{- fail (printf "timeouts.loadBalancer.idle is %v; it must be over timeouts.request, or clients see 504" $b.idle) -}}
{{- end -}}
{{- if ge (int $b.healthTimeout) (int $b.healthInterval) -}}
{{- fail (printf "timeouts.loadBalancer.healthTimeout is %v; it must be under healthInterval" $b.healthTimeout) -}}
{{- end -}}
{{- if le (int $t.drainDelay) (add (mul $b.healthInterval $b.unhealthyThreshold) $b.healthTimeout | int) -}}
{{- fail (printf "timeouts.drainDelay is %v; it must be over loadBalancer.healthInterval * unhealthyThreshold + healthTimeout, or a pod that ends gets requests after it has closed" $t.drainDelay) -}}
{{- end -}}
{{- if le (int $t.drainDelay) (mul .Values.probes.readiness.period .Values.probes.readiness.threshold | int) -}}
{{- fail (printf "timeouts.drainDelay is %v; it must be over probes.readiness.period * threshold" $t.drainDelay) -}}
{{- end -}}
{{- if lt (int $t.drainDeadline) (add $t.drainDelay $t.request | int) -}}
{{- fail (printf "timeouts.drainDeadline is %v; it must be at least drainDelay + request, or the last requests are cut" $t.drainDeadline) -}}
{{- end -}}
{{- if lt (int $t.terminationGracePeriod) (add $t.drainDeadline 5 | int) -}}
{{- fail (printf "timeouts.terminationGracePeriod is %v; it must be at least 5 s over drainDeadline, or the program is killed before it is done" $t.terminationGracePeriod) -}}
{{- end -}}
{{- if lt (int $b.deregistrationDelay) (add $t.request 5 | int) -}}
{{- fail (printf "timeouts.loadBalancer.deregistrationDelay is %v; it must be at least 5 s over request, or the load balancer cuts requests" $b.deregistrationDelay) -}}
{{- end -}}
{{- range $section, $keys := dict "server" (list "request_timeout" "idle_timeout") "shutdown" (list "drain_delay" "drain_deadline") -}}
{{- range $key := $keys -}}
{{- if hasKey (default dict (get $.Values.config $section)) $key -}}
{{- fail (printf "config.%s.%s is set; set it under timeouts, which keeps the load balancer in step" $section $key) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
