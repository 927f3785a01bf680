# Alarms and graphs.

mock_provider "aws" {
  source = "./tests/mocks"
}

run "alarms_and_a_dashboard_watch_this_service" {
  variables {
    name                 = "almanac"
    region               = "eu-central-1"
    cluster              = "almanac"
    service              = "almanac"
    log_group            = "/ecs/almanac"
    load_balancer_suffix = "app/almanac/50dc6c495c0c9188"
    target_group_suffix  = "targetgroup/almanac/73e2d6bc24d8a067"
    observability        = { alarm_topics = ["arn:aws:sns:eu-central-1:123456789012:on-call"], latency_p99 = 0.5 }
  }
  module {
    source = "./modules/observability"
  }

  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_actions == toset(["arn:aws:sns:eu-central-1:123456789012:on-call"])])
    error_message = "every alarm notifies the topic"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.this["slow"].extended_statistic == "p99" && aws_cloudwatch_metric_alarm.this["slow"].threshold == 0.5
    error_message = "the latency alarm has the threshold of the variable"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.this["no-healthy-task"].treat_missing_data == "breaching"
    error_message = "missing data about healthy tasks is an alarm too"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.this["lost-requests"].threshold == 0
    error_message = "one lost request is an alarm"
  }
  assert {
    condition = alltrue([
      for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets :
      strcontains(jsonencode(widget), widget.type == "log" ? "/ecs/almanac" : "almanac/") || strcontains(jsonencode(widget), "ClusterName")
    ])
    error_message = "every graph is of this service"
  }
  assert {
    condition     = length(aws_cloudwatch_metric_alarm.this) == 7
    error_message = "without embedded metrics there are no alarms on them"
  }
}

run "metrics_that_the_program_writes_have_alarms_and_graphs" {
  variables {
    name                 = "almanac"
    region               = "eu-central-1"
    cluster              = "almanac"
    service              = "almanac"
    log_group            = "/ecs/almanac"
    load_balancer_suffix = "app/almanac/50dc6c495c0c9188"
    target_group_suffix  = "targetgroup/almanac/73e2d6bc24d8a067"
    observability        = { alarm_topics = [], latency_p99 = 0.5 }
    embedded_metrics     = { namespace = "Team", service = "sales" }
  }
  module {
    source = "./modules/observability"
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.this) == 13
    error_message = "there are six more alarms"
  }
  assert {
    condition = alltrue([for name in ["refusals", "model-failures", "failed-version", "rollback", "source-down", "source-from-cache"] :
      aws_cloudwatch_metric_alarm.this[name].namespace == "Team" && aws_cloudwatch_metric_alarm.this[name].dimensions == tomap({ Service = "sales" })
    ])
    error_message = "each alarm is on a metric of the program"
  }
  assert {
    condition     = length([for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : widget if widget.type == "metric"]) == 10
    error_message = "there are six more graphs"
  }
  assert {
    condition     = length(distinct([for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : "${widget.x} ${widget.y}"])) == 12
    error_message = "no widgets overlap"
  }
}

