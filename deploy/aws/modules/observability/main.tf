# Alarms and a dashboard for the metrics of the load balancer and ECS, the program's log and, if it writes them, its metrics.

locals {
  targets = { LoadBalancer = var.load_balancer_suffix, TargetGroup = var.target_group_suffix }
  tasks   = { ClusterName = var.cluster, ServiceName = var.service }

  alarms = {
    no-healthy-task = {
      description = "No task is ready: every request fails or goes to one that is not."
      namespace   = "AWS/ApplicationELB", metric = "HealthyHostCount", dimensions = local.targets
      statistic   = "Minimum", comparison = "LessThanThreshold", threshold = 1, minutes = 1, missing = "breaching"
    }
    unhealthy-task = {
      description = "A task has not been ready for five minutes."
      namespace   = "AWS/ApplicationELB", metric = "UnHealthyHostCount", dimensions = local.targets
      statistic   = "Minimum", comparison = "GreaterThanThreshold", threshold = 0, minutes = 5, missing = "notBreaching"
    }
    errors = {
      description = "Tasks answer 5xx."
      namespace   = "AWS/ApplicationELB", metric = "HTTPCode_Target_5XX_Count", dimensions = local.targets
      statistic   = "Sum", comparison = "GreaterThanThreshold", threshold = 10, minutes = 3, missing = "notBreaching"
    }
    # 502, 503 and 504 from the load balancer itself, which indicate requests on closed connections.
    lost-requests = {
      description = "The load balancer answers 5xx for a task that did not."
      namespace   = "AWS/ApplicationELB", metric = "HTTPCode_ELB_5XX_Count", dimensions = { LoadBalancer = var.load_balancer_suffix }
      statistic   = "Sum", comparison = "GreaterThanThreshold", threshold = 0, minutes = 1, missing = "notBreaching"
    }
    slow = {
      description = "One request in a hundred takes longer than ${var.observability.latency_p99} s."
      namespace   = "AWS/ApplicationELB", metric = "TargetResponseTime", dimensions = local.targets
      statistic   = "p99", comparison = "GreaterThanThreshold", threshold = var.observability.latency_p99, minutes = 5, missing = "notBreaching"
    }
    memory = {
      description = "A task comes near its memory limit, beyond which it is killed."
      namespace   = "AWS/ECS", metric = "MemoryUtilization", dimensions = local.tasks
      statistic   = "Maximum", comparison = "GreaterThanThreshold", threshold = 85, minutes = 5, missing = "notBreaching"
    }
    log-errors = {
      description = "The program logs errors: each is for somebody to act on."
      namespace   = "Almanac", metric = aws_cloudwatch_log_metric_filter.errors.metric_transformation[0].name, dimensions = {}
      statistic   = "Sum", comparison = "GreaterThanThreshold", threshold = 0, minutes = 1, missing = "notBreaching"
    }
  }
}

resource "aws_cloudwatch_log_metric_filter" "errors" {
  name           = "${var.name}-errors"
  log_group_name = var.log_group
  pattern        = "{ $.level = \"ERROR\" }"

  metric_transformation {
    namespace     = "Almanac"
    name          = "${var.name}-log-errors"
    value         = "1"
    default_value = "0"
  }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each            = merge(local.alarms, local.embedded_alarms)
  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.description
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = startswith(each.value.statistic, "p") ? null : each.value.statistic
  extended_statistic  = startswith(each.value.statistic, "p") ? each.value.statistic : null
  comparison_operator = each.value.comparison
  threshold           = each.value.threshold
  period              = 60
  evaluation_periods  = each.value.minutes
  treat_missing_data  = each.value.missing
  alarm_actions       = var.observability.alarm_topics
  ok_actions          = var.observability.alarm_topics
}

locals {
  balancer = ["AWS/ApplicationELB", "LoadBalancer", var.load_balancer_suffix, "TargetGroup", var.target_group_suffix]
  ecs      = ["ClusterName", var.cluster, "ServiceName", var.service]

  # In the format of CloudWatch: namespace and metric, pairs of dimensions, options.
  graphs = [
    {
      title = "Requests and their status"
      metrics = [for name in ["RequestCount", "HTTPCode_Target_4XX_Count", "HTTPCode_Target_5XX_Count"] :
        concat([local.balancer[0], name], slice(local.balancer, 1, 5), [{ stat = "Sum" }])
      ]
    },
    {
      title = "Seconds to answer"
      metrics = [for stat in ["p50", "p90", "p99"] :
        concat([local.balancer[0], "TargetResponseTime"], slice(local.balancer, 1, 5), [{ stat = stat, label = stat }])
      ]
    },
    {
      title = "Tasks, ready and not"
      metrics = [for name in ["HealthyHostCount", "UnHealthyHostCount"] :
        concat([local.balancer[0], name], slice(local.balancer, 1, 5), [{ stat = "Minimum" }])
      ]
    },
    {
      title = "CPU and memory, percent"
      metrics = [for name in ["CPUUtilization", "MemoryUtilization"] :
        concat(["AWS/ECS", name], local.ecs, [{ stat = "Maximum" }])
      ]
    },
  ]

  queries = [
    {
      title = "Where requests fail"
      query = "filter message = 'request' and status >= 400 | stats count() as requests by status, code, route | sort requests desc"
    },
    {
      title = "The slowest requests"
      query = "filter message = 'request' | sort duration_seconds desc | limit 20 | display @timestamp, route, status, duration_seconds, request_id, trace_id"
    },
  ]
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name

  dashboard_body = jsonencode({
    widgets = concat(
      [for index, graph in concat(local.graphs, local.embedded_graphs) : {
        type       = "metric", x = index % 2 * 12, y = floor(index / 2) * 6, width = 12, height = 6
        properties = { title = graph.title, region = var.region, view = "timeSeries", period = 60, metrics = graph.metrics }
      }],
      [for index, query in local.queries : {
        type       = "log", x = index * 12, y = 6 * ceil(length(concat(local.graphs, local.embedded_graphs)) / 2), width = 12, height = 6
        properties = { title = query.title, region = var.region, view = "table", query = "SOURCE '${var.log_group}' | ${query.query}" }
      }],
    )
  })
}
