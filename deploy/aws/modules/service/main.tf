# The cluster, the task and the service that keeps it running.

resource "aws_cloudwatch_log_group" "this" {
  name              = "/ecs/${var.name}"
  retention_in_days = var.observability.log_retention_days
  kms_key_id        = var.observability.log_kms_key_arn
}

resource "aws_ecs_cluster" "this" {
  #checkov:skip=CKV_AWS_65:container insights are observability.container_insights, and are charged
  name = var.name

  setting {
    name  = "containerInsights"
    value = var.observability.container_insights ? "enabled" : "disabled"
  }
}

resource "aws_ecs_cluster_capacity_providers" "this" {
  cluster_name       = aws_ecs_cluster.this.name
  capacity_providers = ["FARGATE", "FARGATE_SPOT"]
}

locals {
  container = {
    name      = var.name
    image     = var.image
    command   = ["serve"]
    essential = true
    user      = "65532:65532"

    readonlyRootFilesystem = true
    linuxParameters        = { capabilities = { drop = ["ALL"] } }
    portMappings           = [{ containerPort = 8080, protocol = "tcp" }]
    stopTimeout            = var.timeouts.stop_timeout

    environment = [for name, value in var.environment : { name = name, value = value }]
    secrets     = [for name, arn in var.secrets : { name = name, valueFrom = arn }]

    # The load balancer polls /readyz to decide where to send requests. A task that is alive but not ready, because it drains
    # or fetches a model, must not be replaced.
    healthCheck = {
      command     = ["CMD", "/usr/local/bin/almanac", "healthcheck", "--path", "/healthz"]
      interval    = var.timeouts.container_health_check_interval
      timeout     = var.timeouts.container_health_check_timeout
      retries     = var.timeouts.container_health_check_retries
      startPeriod = var.timeouts.start_period
    }

    # Without non-blocking, a slow log service would block the program.
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.this.name
        awslogs-region        = var.region
        awslogs-stream-prefix = "task"
        mode                  = "non-blocking"
        max-buffer-size       = "4m"
      }
    }
  }
}

resource "aws_ecs_task_definition" "this" {
  family                   = var.name
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.task.cpu
  memory                   = var.task.memory
  execution_role_arn       = var.execution_role_arn
  task_role_arn            = var.task_role_arn
  container_definitions    = jsonencode(concat([local.container], var.sidecars))
  # The previous revision stays registered, because a failed deployment is rolled back to it.
  skip_destroy = true

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = var.task.architecture
  }
}

resource "aws_security_group" "task" {
  name        = "${var.name}-task"
  description = "Tasks of ${var.name}"
  vpc_id      = var.vpc_id
}

resource "aws_vpc_security_group_ingress_rule" "task" {
  security_group_id            = aws_security_group.task.id
  description                  = "The load balancer"
  referenced_security_group_id = var.load_balancer_security_group
  ip_protocol                  = "tcp"
  from_port                    = 8080
  to_port                      = 8080
}

resource "aws_vpc_security_group_egress_rule" "task" {
  security_group_id = aws_security_group.task.id
  description       = "The services of AWS, by https"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_ecs_service" "this" {
  name                              = var.name
  cluster                           = aws_ecs_cluster.this.id
  task_definition                   = aws_ecs_task_definition.this.arn
  desired_count                     = var.task.count
  health_check_grace_period_seconds = var.timeouts.health_check_grace_period
  availability_zone_rebalancing     = "ENABLED"
  propagate_tags                    = "SERVICE"

  # A new task is started for each old one before the old one is stopped.
  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  dynamic "capacity_provider_strategy" {
    for_each = { for provider, weight in { FARGATE = 100 - var.task.spot, FARGATE_SPOT = var.task.spot } : provider => weight if weight > 0 }

    content {
      capacity_provider = capacity_provider_strategy.key
      weight            = capacity_provider_strategy.value
      # One task always runs on capacity that is not reclaimed.
      base = capacity_provider_strategy.key == "FARGATE" ? 1 : 0
    }
  }

  network_configuration {
    subnets          = var.subnets
    security_groups  = [aws_security_group.task.id]
    assign_public_ip = var.assign_public_ip
  }

  load_balancer {
    target_group_arn = var.target_group_arn
    container_name   = var.name
    container_port   = 8080
  }

  # Auto scaling changes the count, and a deployment must not revert it.
  lifecycle {
    ignore_changes = [desired_count]

    precondition {
      condition     = length(var.wait_for_load_balancer_targets) > 0
      error_message = "the target group has no listener rule"
    }
  }

  depends_on = [aws_ecs_cluster_capacity_providers.this]
}
