# In seconds. The defaults are those of deploy/timeouts.toml, which has the reasons; a test compares them. Plans with inconsistent
# values are rejected here.
variable "timeouts" {
  description = "Timeouts of the service, in seconds."
  type = object({
    request_timeout                 = optional(number, 30)
    server_idle_timeout             = optional(number, 75)
    drain_delay                     = optional(number, 15)
    drain_deadline                  = optional(number, 50)
    stop_timeout                    = optional(number, 60)
    start_period                    = optional(number, 60)
    health_check_grace_period       = optional(number, 60)
    load_balancer_idle_timeout      = optional(number, 60)
    deregistration_delay            = optional(number, 35)
    health_interval                 = optional(number, 5)
    health_timeout                  = optional(number, 2)
    healthy_threshold               = optional(number, 2)
    unhealthy_threshold             = optional(number, 2)
    container_health_check_interval = optional(number, 10)
    container_health_check_timeout  = optional(number, 3)
    container_health_check_retries  = optional(number, 3)
  })
  default = {}

  validation {
    condition     = var.timeouts.server_idle_timeout >= var.timeouts.load_balancer_idle_timeout + 5
    error_message = "server_idle_timeout must be at least 5 s over load_balancer_idle_timeout, or clients see 502."
  }
  validation {
    condition     = var.timeouts.load_balancer_idle_timeout > var.timeouts.request_timeout
    error_message = "load_balancer_idle_timeout must be over request_timeout, or clients see 504."
  }
  validation {
    condition     = var.timeouts.health_timeout < var.timeouts.health_interval
    error_message = "health_timeout must be under health_interval."
  }
  validation {
    condition     = var.timeouts.drain_delay > var.timeouts.health_interval * var.timeouts.unhealthy_threshold + var.timeouts.health_timeout
    error_message = "drain_delay must be over health_interval * unhealthy_threshold + health_timeout, or a task that is stopped gets requests after it has closed."
  }
  validation {
    condition     = var.timeouts.drain_deadline >= var.timeouts.drain_delay + var.timeouts.request_timeout
    error_message = "drain_deadline must be at least drain_delay + request_timeout, or the last requests are cut."
  }
  validation {
    condition     = var.timeouts.stop_timeout >= var.timeouts.drain_deadline + 5 && var.timeouts.stop_timeout <= 120
    error_message = "stop_timeout must be at least 5 s over drain_deadline, and at most Fargate's 120."
  }
  validation {
    condition     = var.timeouts.deregistration_delay >= var.timeouts.request_timeout + 5 && var.timeouts.deregistration_delay < var.timeouts.stop_timeout
    error_message = "deregistration_delay must be at least 5 s over request_timeout, and under stop_timeout."
  }
  validation {
    condition     = var.timeouts.container_health_check_timeout < var.timeouts.container_health_check_interval && var.timeouts.start_period <= 300
    error_message = "container_health_check_timeout must be under container_health_check_interval, and start_period at most 300."
  }
}
