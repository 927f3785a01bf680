# Listeners, paths and health checks.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name    = "almanac"
  vpc_id  = "vpc-1"
  subnets = ["subnet-1", "subnet-2"]
  load_balancer = {
    certificate_arn     = null
    internal            = false
    allowed_cidrs       = ["0.0.0.0/0"]
    paths               = ["/forecast*"]
    access_logs_bucket  = null
    deletion_protection = false
  }
  timeouts = {
    load_balancer_idle_timeout = 60
    deregistration_delay       = 35
    health_interval            = 5
    health_timeout             = 2
    healthy_threshold          = 2
    unhealthy_threshold        = 2
  }
}

run "without_a_certificate_http_answers" {
  module {
    source = "./modules/load_balancer"
  }

  assert {
    condition     = length(aws_lb_listener.https) == 0
    error_message = "there is no listener for https without a certificate"
  }
  assert {
    condition     = aws_lb_listener_rule.api[0].listener_arn == aws_lb_listener.http.arn
    error_message = "the API is on port 80"
  }
  assert {
    condition     = one(aws_lb_listener_rule.api[0].condition).path_pattern[0].values == toset(["/forecast*"])
    error_message = "the rule forwards the paths"
  }
  assert {
    condition     = aws_lb_listener.http.default_action[0].fixed_response[0].status_code == "404"
    error_message = "other paths, such as /metrics, are not forwarded"
  }
  assert {
    condition     = keys(aws_vpc_security_group_ingress_rule.this) == ["http 0.0.0.0/0"]
    error_message = "port 443 is closed when nothing listens there"
  }
  assert {
    condition     = startswith(output.url, "http://")
    error_message = "the URL has the scheme of the listener"
  }
}

run "with_a_certificate_only_https_answers" {
  variables {
    load_balancer = {
      certificate_arn     = "arn:aws:acm:eu-central-1:123456789012:certificate/1"
      internal            = false
      allowed_cidrs       = ["10.0.0.0/8", "192.0.2.0/24"]
      paths               = ["/forecast*"]
      access_logs_bucket  = "logs"
      deletion_protection = true
    }
  }
  module {
    source = "./modules/load_balancer"
  }

  assert {
    condition     = aws_lb_listener.https[0].port == 443 && aws_lb_listener.https[0].certificate_arn == var.load_balancer.certificate_arn
    error_message = "port 443 has the certificate"
  }
  assert {
    condition     = aws_lb_listener.http.default_action[0].type == "fixed-response" && aws_lb_listener.http.default_action[0].fixed_response[0].status_code == "426"
    error_message = "port 80 rejects requests and does not redirect, which would turn POST into GET"
  }
  assert {
    condition     = length(aws_vpc_security_group_ingress_rule.this) == 4
    error_message = "both ports are open to both ranges"
  }
  assert {
    condition     = aws_lb.this.access_logs[0].bucket == "logs" && aws_lb.this.enable_deletion_protection
    error_message = "access logs and deletion protection have the values of the variable"
  }
  assert {
    condition     = startswith(output.url, "https://")
    error_message = "the URL has the scheme of the listener"
  }
}

run "more_than_five_paths_take_more_rules" {
  variables {
    load_balancer = {
      certificate_arn     = null
      internal            = true
      allowed_cidrs       = ["10.0.0.0/8"]
      paths               = ["/a*", "/b*", "/c*", "/d*", "/e*", "/f*"]
      access_logs_bucket  = null
      deletion_protection = false
    }
  }
  module {
    source = "./modules/load_balancer"
  }

  assert {
    condition     = [for rule in aws_lb_listener_rule.api : rule.priority] == [100, 101]
    error_message = "a rule has five values"
  }
  assert {
    condition     = one(aws_lb_listener_rule.api[1].condition).path_pattern[0].values == toset(["/f*"])
    error_message = "the second rule has the sixth path"
  }
  assert {
    condition     = aws_lb.this.internal
    error_message = "an internal load balancer is internal"
  }
}

run "targets_are_asked_whether_they_are_ready" {
  module {
    source = "./modules/load_balancer"
  }

  assert {
    condition = (
      aws_lb_target_group.this.health_check[0].path == "/readyz"
      && aws_lb_target_group.this.health_check[0].matcher == "200"
      && aws_lb_target_group.this.health_check[0].interval == 5
      && aws_lb_target_group.this.health_check[0].timeout == 2
      && aws_lb_target_group.this.health_check[0].unhealthy_threshold == 2
    )
    error_message = "the health check is /readyz, with the values of deploy/timeouts.toml"
  }
  assert {
    condition     = aws_lb_target_group.this.deregistration_delay == "35" && aws_lb.this.idle_timeout == 60
    error_message = "delays are those of deploy/timeouts.toml"
  }
}
