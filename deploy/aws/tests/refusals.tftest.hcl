# Plans that would make a service that loses requests, or cannot be made, are refused.

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

run "timeouts_behind_the_back_of_the_load_balancer" {
  command = plan
  variables {
    environment = { ALMANAC_IDLE_TIMEOUT = "20s" }
  }
  expect_failures = [var.environment]
}

run "a_size_that_fargate_does_not_take" {
  command = plan
  variables {
    task = { cpu = 256, memory = 4096 }
  }
  expect_failures = [var.task]
}

run "a_prefix_that_is_the_whole_bucket" {
  command = plan
  variables {
    models = { bucket = "team", prefix = "" }
  }
  expect_failures = [var.models]
}

run "a_wildcard_in_a_prefix" {
  command = plan
  variables {
    models = { bucket = "team", prefix = "*/" }
  }
  expect_failures = [var.models]
}

run "a_secret_in_plain_text" {
  command = plan
  variables {
    secrets = { OTEL_EXPORTER_OTLP_HEADERS = "hunter2" }
  }
  expect_failures = [var.secrets]
}

run "a_load_balancer_in_one_zone" {
  command = plan
  variables {
    network = { zones = 1 }
  }
  expect_failures = [var.network]
}
