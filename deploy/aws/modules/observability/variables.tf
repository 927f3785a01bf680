variable "name" {
  description = "Beginning of the names."
  type        = string
}

variable "region" {
  description = "Region of the metrics."
  type        = string
}

variable "cluster" {
  description = "Name of the cluster."
  type        = string
}

variable "service" {
  description = "Name of the service."
  type        = string
}

variable "log_group" {
  description = "Name of the log group."
  type        = string
}

variable "load_balancer_suffix" {
  description = "The load balancer as CloudWatch names it."
  type        = string
}

variable "target_group_suffix" {
  description = "The target group as CloudWatch names it."
  type        = string
}

variable "observability" {
  description = "As in the root."
  type = object({
    alarm_topics = list(string)
    latency_p99  = number
  })

  validation {
    condition     = var.observability.latency_p99 > 0
    error_message = "observability.latency_p99 must be over 0."
  }
}

variable "embedded_metrics" {
  description = "Where the program's own metrics are: their namespace, and the value of their dimension Service. Null where it writes none."
  type = object({
    namespace = string
    service   = string
  })
  default = null
}
