# The container, the deployment, scaling and the network.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  region    = "eu-central-1"
  image_tag = "1a2b3c4"
}

run "the_defaults_make_two_small_tasks" {
  assert {
    condition     = output.image == "123456789012.dkr.ecr.eu-central-1.amazonaws.com/almanac:1a2b3c4"
    error_message = "the image is the tag in the repository of the module"
  }
  assert {
    condition     = length(module.scaling) == 1
    error_message = "scaling is on"
  }
  assert {
    condition     = !contains(keys(local.environment), "ALMANAC_EMF") && module.observability.metrics == null
    error_message = "metrics that are charged are off"
  }
  assert {
    condition     = length(module.publishing) == 0
    error_message = "no role for publishing is created"
  }
}

run "the_program_writes_metrics_where_that_is_asked_for" {
  variables {
    name          = "sales"
    observability = { embedded_metrics = true }
    environment   = { ALMANAC_EMF_NAMESPACE = "Team" }
  }

  assert {
    condition     = local.environment["ALMANAC_EMF"] == "true" && local.environment["ALMANAC_SERVICE_NAME"] == "sales"
    error_message = "the program writes metrics with the name of the service"
  }
  assert {
    condition     = module.observability.metrics == { namespace = "Team", service = "sales" }
    error_message = "alarms use the namespace of the program's metrics"
  }
}

run "the_container_is_locked_down_and_has_the_timeouts" {
  variables {
    name             = "almanac"
    image            = "registry/almanac:1"
    task             = { cpu = 256, memory = 512, architecture = "ARM64", count = 2, spot = 0 }
    environment      = { ALMANAC_DRAIN_DELAY = "15s" }
    secrets          = { OTEL_EXPORTER_OTLP_HEADERS = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:keys" }
    sidecars         = [{ name = "collector", image = "collector:1" }]
    vpc_id           = "vpc-1"
    subnets          = ["subnet-1"]
    assign_public_ip = false
    timeouts = {
      stop_timeout                    = 60
      start_period                    = 60
      health_check_grace_period       = 60
      container_health_check_interval = 10
      container_health_check_timeout  = 3
      container_health_check_retries  = 3
    }
    load_balancer_security_group   = "sg-1"
    target_group_arn               = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/almanac/73e2d6bc24d8a067"
    execution_role_arn             = "arn:aws:iam::123456789012:role/almanac-execution"
    task_role_arn                  = "arn:aws:iam::123456789012:role/almanac-task"
    observability                  = { log_retention_days = 30, log_kms_key_arn = null, container_insights = false }
    wait_for_load_balancer_targets = ["rule"]
  }
  module {
    source = "./modules/service"
  }

  assert {
    condition = (
      local.container.readonlyRootFilesystem
      && local.container.user == "65532:65532"
      && local.container.linuxParameters.capabilities.drop == ["ALL"]
    )
    error_message = "the container does not run as root, has no writable file system and no capabilities"
  }
  assert {
    condition     = local.container.stopTimeout == 60 && local.container.healthCheck.startPeriod == 60
    error_message = "timeouts reach the container"
  }
  assert {
    condition     = local.container.logConfiguration.options.mode == "non-blocking"
    error_message = "a slow log does not block requests"
  }
  assert {
    condition     = [for container in jsondecode(aws_ecs_task_definition.this.container_definitions) : container.name] == ["almanac", "collector"]
    error_message = "sidecars come after the program"
  }
  assert {
    condition     = jsondecode(aws_ecs_task_definition.this.container_definitions)[0].secrets[0].name == "OTEL_EXPORTER_OTLP_HEADERS"
    error_message = "a secret is passed by its ARN"
  }
  assert {
    condition     = aws_ecs_task_definition.this.runtime_platform[0].cpu_architecture == "ARM64"
    error_message = "the task has the architecture of its image"
  }
  assert {
    condition = (
      aws_ecs_service.this.deployment_minimum_healthy_percent == 100
      && aws_ecs_service.this.deployment_maximum_percent == 200
      && aws_ecs_service.this.deployment_circuit_breaker[0].rollback
    )
    error_message = "a deployment never has fewer tasks, and is rolled back if it fails"
  }
  assert {
    condition     = [for strategy in aws_ecs_service.this.capacity_provider_strategy : strategy.capacity_provider] == ["FARGATE"]
    error_message = "by default no task runs on Fargate Spot"
  }
  assert {
    condition     = aws_vpc_security_group_ingress_rule.task.referenced_security_group_id == "sg-1" && aws_vpc_security_group_ingress_rule.task.cidr_ipv4 == null
    error_message = "tasks accept requests only from the load balancer"
  }
}

run "scaling_can_be_switched_off" {
  variables {
    scaling = { enabled = false }
  }

  assert {
    condition     = length(module.scaling) == 0
    error_message = "scaling is off"
  }
}

run "spot_keeps_one_task_on_capacity_that_stays" {
  command = plan
  variables {
    name             = "almanac"
    image            = "registry/almanac:1"
    task             = { cpu = 256, memory = 512, architecture = "X86_64", count = 4, spot = 75 }
    environment      = {}
    secrets          = {}
    sidecars         = []
    vpc_id           = "vpc-1"
    subnets          = ["subnet-1"]
    assign_public_ip = true
    timeouts = {
      stop_timeout                    = 60
      start_period                    = 60
      health_check_grace_period       = 60
      container_health_check_interval = 10
      container_health_check_timeout  = 3
      container_health_check_retries  = 3
    }
    load_balancer_security_group   = "sg-1"
    target_group_arn               = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/almanac/73e2d6bc24d8a067"
    execution_role_arn             = "arn:aws:iam::123456789012:role/almanac-execution"
    task_role_arn                  = "arn:aws:iam::123456789012:role/almanac-task"
    observability                  = { log_retention_days = 30, log_kms_key_arn = null, container_insights = false }
    wait_for_load_balancer_targets = ["rule"]
  }
  module {
    source = "./modules/service"
  }

  assert {
    condition = { for strategy in aws_ecs_service.this.capacity_provider_strategy : strategy.capacity_provider => "${strategy.base} ${strategy.weight}" } == {
      FARGATE      = "1 25"
      FARGATE_SPOT = "0 75"
    }
    error_message = "three of four tasks run on Fargate Spot, but not the first"
  }
}

run "a_network_that_is_there_is_used" {
  variables {
    region  = "eu-central-1"
    name    = "almanac"
    network = { vpc_id = "vpc-9", public_subnets = ["subnet-1", "subnet-2"], task_subnets = ["subnet-3"], cidr = "10.40.0.0/16", zones = 2, egress = "nat" }
  }
  module {
    source = "./modules/network"
  }

  assert {
    condition     = length(aws_vpc.this) == 0 && length(aws_nat_gateway.this) == 0 && length(aws_vpc_endpoint.s3) == 0
    error_message = "no VPC is created"
  }
  assert {
    condition     = output.vpc_id == "vpc-9" && output.task_subnets == tolist(["subnet-3"]) && !output.assign_public_ip
    error_message = "the named subnets are used"
  }
}

run "public_addresses_need_no_private_subnets" {
  variables {
    name    = "almanac"
    network = { vpc_id = null, public_subnets = [], task_subnets = [], cidr = "10.40.0.0/16", zones = 3, egress = "public-ip" }
  }
  module {
    source = "./modules/network"
  }

  assert {
    condition     = length(aws_subnet.public) == 3 && length(aws_subnet.private) == 0 && length(aws_nat_gateway.this) == 0
    error_message = "there are three public subnets and no resources that are charged"
  }
  assert {
    condition     = output.assign_public_ip && length(aws_vpc_endpoint.s3) == 1
    error_message = "tasks have public addresses, and S3 has a gateway endpoint"
  }
}

run "endpoints_leave_no_way_to_the_internet" {
  variables {
    name    = "almanac"
    network = { vpc_id = null, public_subnets = [], task_subnets = [], cidr = "10.40.0.0/16", zones = 2, egress = "endpoints" }
  }
  module {
    source = "./modules/network"
  }

  assert {
    condition     = keys(aws_vpc_endpoint.interface) == ["ecr.api", "ecr.dkr", "logs", "secretsmanager"]
    error_message = "every service that a task needs to start has an endpoint"
  }
  assert {
    condition     = length(aws_route.nat) == 0 && length(aws_subnet.private) == 2 && !output.assign_public_ip
    error_message = "private subnets have no route to the internet"
  }
}
