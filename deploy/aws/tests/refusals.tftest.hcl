# Plans that would create a service that loses requests, or that cannot be created, are rejected.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  region    = "eu-central-1"
  image_tag = "1a2b3c4"
}

run "a_connection_that_the_server_closes_first" {
  command = plan
  variables {
    timeouts = { load_balancer_idle_timeout = 75 }
  }
  expect_failures = [var.timeouts]
}

run "a_request_that_outlives_the_load_balancers_patience" {
  command = plan
  variables {
    timeouts = { request_timeout = 60, drain_deadline = 80, stop_timeout = 90, deregistration_delay = 70 }
  }
  expect_failures = [var.timeouts]
}

run "a_stop_that_comes_before_the_drain_is_done" {
  command = plan
  variables {
    timeouts = { stop_timeout = 30 }
  }
  expect_failures = [var.timeouts]
}

run "a_stop_timeout_that_fargate_does_not_take" {
  command = plan
  variables {
    timeouts = { stop_timeout = 121 }
  }
  expect_failures = [var.timeouts]
}

run "a_drain_that_ends_before_the_load_balancer_has_seen_it" {
  command = plan
  variables {
    timeouts = { health_interval = 30 }
  }
  expect_failures = [var.timeouts]
}

run "a_deregistration_that_cuts_requests" {
  command = plan
  variables {
    timeouts = { deregistration_delay = 10 }
  }
  expect_failures = [var.timeouts]
}

run "values_that_cannot_be_meant" {
  command = plan
  variables {
    # Timeouts that are not set by the variable timeouts.
    environment = { ALMANAC_IDLE_TIMEOUT = "20s" }
    # A size that Fargate does not support.
    task = { cpu = 256, memory = 4096 }
    # A prefix that includes the whole bucket.
    models = { bucket = "team", prefix = "" }
    # A secret in plain text.
    secrets = { OTEL_EXPORTER_OTLP_HEADERS = "authorization=hunter2" }
    # A load balancer in only one zone.
    network = { zones = 1 }
    # All repositories of an owner.
    github = { repository = "owner/*" }
    # An empty range.
    scaling = { min = 3, max = 2 }
  }
  expect_failures = [var.environment, var.task, var.models, var.secrets, var.network, var.scaling, var.github]
}

run "a_wildcard_in_a_prefix" {
  command = plan
  variables {
    models = { bucket = "team", prefix = "*/" }
  }
  expect_failures = [var.models]
}
