data "aws_region" "this" {}

locals {
  region = data.aws_region.this.name
  image  = coalesce(var.image, "${module.registry.url}:${var.image_tag}")

  models_source = var.models.bucket == null ? [] : ["s3://${var.models.bucket}/${trimsuffix(var.models.prefix, "/")}"]
  sources       = coalesce(var.models.sources, concat(local.models_source, ["embedded:"]))

  embedded_metrics = var.observability.embedded_metrics ? { ALMANAC_EMF = "true", ALMANAC_SERVICE_NAME = var.name } : {}

  environment = merge({
    ALMANAC_MODELS          = join(",", local.sources)
    ALMANAC_DEFAULT_MODEL   = var.models.default
    ALMANAC_LOG_FORMAT      = "json"
    ALMANAC_REQUEST_TIMEOUT = "${var.timeouts.request_timeout}s"
    ALMANAC_IDLE_TIMEOUT    = "${var.timeouts.server_idle_timeout}s"
    ALMANAC_DRAIN_DELAY     = "${var.timeouts.drain_delay}s"
    ALMANAC_DRAIN_DEADLINE  = "${var.timeouts.drain_deadline}s"
  }, local.embedded_metrics, var.environment)
}

module "registry" {
  source = "./modules/registry"

  name         = var.name
  force_delete = var.force_delete
}

module "publishing" {
  source = "./modules/publishing"
  count  = var.github == null ? 0 : 1

  name           = var.name
  repository_arn = module.registry.arn
  github         = var.github
}

module "network" {
  source = "./modules/network"

  name    = var.name
  region  = local.region
  network = var.network
}

module "load_balancer" {
  source = "./modules/load_balancer"

  name          = var.name
  vpc_id        = module.network.vpc_id
  subnets       = module.network.public_subnets
  load_balancer = var.load_balancer
  timeouts      = var.timeouts
}

module "access" {
  source = "./modules/access"

  name           = var.name
  repository_arn = module.registry.arn
  log_group_arn  = module.service.log_group_arn
  secret_arns    = values(var.secrets)
  models         = var.models
}

module "service" {
  source = "./modules/service"

  name                           = var.name
  region                         = local.region
  image                          = local.image
  task                           = var.task
  environment                    = local.environment
  secrets                        = var.secrets
  sidecars                       = var.sidecars
  timeouts                       = var.timeouts
  vpc_id                         = module.network.vpc_id
  subnets                        = module.network.task_subnets
  assign_public_ip               = module.network.assign_public_ip
  load_balancer_security_group   = module.load_balancer.security_group
  target_group_arn               = module.load_balancer.target_group_arn
  execution_role_arn             = module.access.execution_role_arn
  task_role_arn                  = module.access.task_role_arn
  observability                  = var.observability
  wait_for_load_balancer_targets = module.load_balancer.listener_rules
}

module "scaling" {
  source = "./modules/scaling"
  count  = var.scaling.enabled ? 1 : 0

  name           = var.name
  cluster        = module.service.cluster_name
  service        = module.service.service_name
  scaling        = var.scaling
  resource_label = "${module.load_balancer.arn_suffix}/${module.load_balancer.target_group_arn_suffix}"
}

module "observability" {
  source = "./modules/observability"

  name                 = var.name
  region               = local.region
  cluster              = module.service.cluster_name
  service              = module.service.service_name
  log_group            = module.service.log_group_name
  load_balancer_suffix = module.load_balancer.arn_suffix
  target_group_suffix  = module.load_balancer.target_group_arn_suffix
  observability        = var.observability
  embedded_metrics = lookup(local.environment, "ALMANAC_EMF", "false") != "true" ? null : {
    namespace = lookup(local.environment, "ALMANAC_EMF_NAMESPACE", "Almanac")
    service   = lookup(local.environment, "ALMANAC_SERVICE_NAME", "almanac")
  }
}
