output "url" {
  description = "Where the service answers. With a certificate, point the certificate's name at the load balancer."
  value       = module.load_balancer.url
}

output "load_balancer" {
  description = "Name of the load balancer, and its address in DNS."
  value       = { name = module.load_balancer.name, dns_name = module.load_balancer.dns_name, zone_id = module.load_balancer.zone_id }
}

output "repository_url" {
  description = "Where images are pushed."
  value       = module.registry.url
}

output "image" {
  description = "The image that tasks run."
  value       = local.image
}

output "cluster" {
  description = "Name of the ECS cluster."
  value       = module.service.cluster_name
}

output "service" {
  description = "Name of the ECS service."
  value       = module.service.service_name
}

output "task_definition_arn" {
  description = "The revision of the task definition that the service should run. Another one after a deployment means that it was rolled back."
  value       = module.service.task_definition_arn
}

output "task_role_arn" {
  description = "The role that the program has."
  value       = module.access.task_role_arn
}

output "log_group" {
  description = "Where the log is."
  value       = module.service.log_group_name
}

output "publishing_role_arn" {
  description = "The role with which workflows on GitHub push images, if there is one."
  value       = one(module.publishing[*].role_arn)
}
