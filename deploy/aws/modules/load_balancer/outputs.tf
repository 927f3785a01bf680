output "name" {
  description = "Name of the load balancer."
  value       = aws_lb.this.name
}

output "dns_name" {
  description = "Its address."
  value       = aws_lb.this.dns_name
}

output "zone_id" {
  description = "The zone of an alias record to it."
  value       = aws_lb.this.zone_id
}

output "url" {
  description = "Where the service answers."
  value       = "${local.https ? "https" : "http"}://${aws_lb.this.dns_name}"
}

output "arn_suffix" {
  description = "The load balancer as CloudWatch names it."
  value       = aws_lb.this.arn_suffix
}

output "target_group_arn" {
  description = "Where tasks are registered."
  value       = aws_lb_target_group.this.arn
}

output "target_group_arn_suffix" {
  description = "The target group as CloudWatch names it."
  value       = aws_lb_target_group.this.arn_suffix
}

output "security_group" {
  description = "The group that requests come from."
  value       = aws_security_group.this.id
}

output "listener_rules" {
  description = "A service can only be made once its target group has a listener."
  value       = aws_lb_listener_rule.api[*].arn
}
