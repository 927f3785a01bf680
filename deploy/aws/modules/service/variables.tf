variable "name" {
  description = "Name of the cluster, the service and the task definition."
  type        = string
}

variable "region" {
  description = "Region of the log group."
  type        = string
}

variable "image" {
  description = "Whole name of the image."
  type        = string
}

variable "task" {
  description = "As in the root."
  type = object({
    cpu          = number
    memory       = number
    architecture = string
    count        = number
    spot         = number
  })
}

variable "environment" {
  description = "Settings of the program."
  type        = map(string)
}

variable "secrets" {
  description = "Variables whose values are secrets, to their ARNs."
  type        = map(string)
}

variable "sidecars" {
  description = "More container definitions."
  type        = any
}

variable "timeouts" {
  description = "As in the root."
  type = object({
    stop_timeout                    = number
    start_period                    = number
    health_check_grace_period       = number
    container_health_check_interval = number
    container_health_check_timeout  = number
    container_health_check_retries  = number
  })
}

variable "vpc_id" {
  description = "VPC of the tasks."
  type        = string
}

variable "subnets" {
  description = "Subnets of the tasks."
  type        = list(string)
}

variable "assign_public_ip" {
  description = "Whether tasks have public addresses."
  type        = bool
}

variable "load_balancer_security_group" {
  description = "Where requests come from."
  type        = string
}

variable "target_group_arn" {
  description = "Where tasks are registered."
  type        = string
}

variable "execution_role_arn" {
  description = "The role that starts tasks."
  type        = string
}

variable "task_role_arn" {
  description = "The role that the program has."
  type        = string
}

variable "observability" {
  description = "As in the root."
  type = object({
    log_retention_days = number
    log_kms_key_arn    = string
    container_insights = bool
  })
}

variable "wait_for_load_balancer_targets" {
  description = "Listener rules that must be there before the service."
  type        = list(string)
}
