# An application load balancer: listeners, the rule that forwards the paths of the API, and the target group with its health check.

variable "name" {
  description = "Name of the load balancer."
  type        = string
}

variable "vpc_id" {
  description = "VPC of the targets."
  type        = string
}

variable "subnets" {
  description = "Subnets of the load balancer."
  type        = list(string)
}

variable "load_balancer" {
  description = "As in the root."
  type = object({
    certificate_arn     = string
    internal            = bool
    allowed_cidrs       = list(string)
    paths               = list(string)
    access_logs_bucket  = string
    deletion_protection = bool
  })
}

variable "timeouts" {
  description = "As in the root."
  type = object({
    load_balancer_idle_timeout = number
    deregistration_delay       = number
    health_interval            = number
    health_timeout             = number
    healthy_threshold          = number
    unhealthy_threshold        = number
  })
}

locals {
  # The same text as the program's response to an unknown path.
  not_found = jsonencode({
    type = "urn:almanac:problem:not_found", title = "There is nothing at this path", status = 404, code = "not_found"
  })
  https_only = jsonencode({ title = "This service is reached by https", status = 426, code = "https_only" })
  https      = var.load_balancer.certificate_arn != null
  ports      = local.https ? { http = 80, https = 443 } : { http = 80 }
  # Maps the name of each security group rule to its port and address range.
  ingress = merge([for protocol, port in local.ports : {
    for cidr in var.load_balancer.allowed_cidrs : "${protocol} ${cidr}" => { port = port, cidr = cidr }
  }]...)
  # A rule has at most five values.
  path_chunks  = chunklist(var.load_balancer.paths, 5)
  api_listener = local.https ? aws_lb_listener.https[0].arn : aws_lb_listener.http.arn
}

resource "aws_security_group" "this" {
  name        = "${var.name}-load-balancer"
  description = "Load balancer of ${var.name}"
  vpc_id      = var.vpc_id
}

resource "aws_vpc_security_group_ingress_rule" "this" {
  for_each          = local.ingress
  security_group_id = aws_security_group.this.id
  description       = "Clients"
  cidr_ipv4         = each.value.cidr
  ip_protocol       = "tcp"
  from_port         = each.value.port
  to_port           = each.value.port
}

resource "aws_vpc_security_group_egress_rule" "this" {
  security_group_id = aws_security_group.this.id
  description       = "Tasks, which let in the load balancer alone"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 8080
  to_port           = 8080
}

resource "aws_lb" "this" {
  #checkov:skip=CKV_AWS_150:deletion protection is load_balancer.deletion_protection, off by default so that a trial can be deleted
  #checkov:skip=CKV2_AWS_20:a redirect would turn POST into GET; with a certificate port 80 rejects requests
  #checkov:skip=CKV2_AWS_28:a firewall needs rules of its owner, and is charged
  name                       = var.name
  load_balancer_type         = "application"
  internal                   = var.load_balancer.internal
  security_groups            = [aws_security_group.this.id]
  subnets                    = var.subnets
  idle_timeout               = var.timeouts.load_balancer_idle_timeout
  drop_invalid_header_fields = true
  desync_mitigation_mode     = "defensive"
  enable_deletion_protection = var.load_balancer.deletion_protection

  dynamic "access_logs" {
    for_each = var.load_balancer.access_logs_bucket[*]

    content {
      enabled = true
      bucket  = access_logs.value
      prefix  = var.name
    }
  }
}

resource "aws_lb_target_group" "this" {
  #checkov:skip=CKV_AWS_378:TLS ends at the load balancer; a task accepts no other clients
  name                          = var.name
  vpc_id                        = var.vpc_id
  target_type                   = "ip"
  protocol                      = "HTTP"
  port                          = 8080
  deregistration_delay          = var.timeouts.deregistration_delay
  load_balancing_algorithm_type = "least_outstanding_requests"

  health_check {
    path                = "/readyz"
    matcher             = "200"
    interval            = var.timeouts.health_interval
    timeout             = var.timeouts.health_timeout
    healthy_threshold   = var.timeouts.healthy_threshold
    unhealthy_threshold = var.timeouts.unhealthy_threshold
  }
}

# With a certificate this listener does not redirect: clients that follow a redirect turn POST into GET, and GET /forecast
# answers with the forecast of an example.
resource "aws_lb_listener" "http" {
  #checkov:skip=CKV_AWS_2:https needs a certificate, which is load_balancer.certificate_arn
  #checkov:skip=CKV_AWS_103:this listener has no TLS
  load_balancer_arn = aws_lb.this.arn
  protocol          = "HTTP"
  port              = 80

  default_action {
    type = "fixed-response"

    fixed_response {
      status_code  = local.https ? "426" : "404"
      content_type = "application/json"
      message_body = local.https ? local.https_only : local.not_found
    }
  }
}

resource "aws_lb_listener" "https" {
  count             = local.https ? 1 : 0
  load_balancer_arn = aws_lb.this.arn
  protocol          = "HTTPS"
  port              = 443
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  certificate_arn   = var.load_balancer.certificate_arn

  default_action {
    type = "fixed-response"

    fixed_response {
      status_code  = "404"
      content_type = "application/json"
      message_body = local.not_found
    }
  }
}

resource "aws_lb_listener_rule" "api" {
  count        = length(local.path_chunks)
  listener_arn = local.api_listener
  priority     = 100 + count.index

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.this.arn
  }

  condition {
    path_pattern {
      values = local.path_chunks[count.index]
    }
  }
}
