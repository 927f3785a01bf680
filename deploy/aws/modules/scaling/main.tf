# Scales the number of tasks with the requests and the CPU use.

variable "name" {
  description = "Beginning of the names."
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

variable "scaling" {
  description = "As in the root."
  type = object({
    min                 = number
    max                 = number
    requests_per_target = number
    cpu_percent         = number
  })
}

variable "resource_label" {
  description = "The load balancer and the target group whose requests count."
  type        = string
}

resource "aws_appautoscaling_target" "this" {
  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = "service/${var.cluster}/${var.service}"
  min_capacity       = var.scaling.min
  max_capacity       = var.scaling.max
}

# Scales out immediately, because a task starts in less than a minute, and scales in slowly, because load often returns.
resource "aws_appautoscaling_policy" "requests" {
  name               = "${var.name}-requests"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.this.service_namespace
  scalable_dimension = aws_appautoscaling_target.this.scalable_dimension
  resource_id        = aws_appautoscaling_target.this.resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = var.scaling.requests_per_target
    scale_out_cooldown = 30
    scale_in_cooldown  = 300

    predefined_metric_specification {
      predefined_metric_type = "ALBRequestCountPerTarget"
      resource_label         = var.resource_label
    }
  }
}

# A request may have one series or ten thousand, so the number of requests alone does not measure the load.
resource "aws_appautoscaling_policy" "cpu" {
  name               = "${var.name}-cpu"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.this.service_namespace
  scalable_dimension = aws_appautoscaling_target.this.scalable_dimension
  resource_id        = aws_appautoscaling_target.this.resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = var.scaling.cpu_percent
    scale_out_cooldown = 30
    scale_in_cooldown  = 300

    predefined_metric_specification {
      predefined_metric_type = "ECSServiceAverageCPUUtilization"
    }
  }
}
