# Alarms and graphs of the program's metrics, if it writes them to its log in CloudWatch's embedded metric format.

locals {
  embedded = var.embedded_metrics == null ? [] : [var.embedded_metrics]

  embedded_alarms = merge([for embedded in local.embedded : {
    for name, alarm in {
      refusals = {
        description = "Requests are refused, for more come than are served: add tasks, or raise scaling.max."
        metric      = "Refusals", statistic = "Sum", threshold = 60, minutes = 10
      }
      model-failures = {
        description = "A model fails on series: the log tells which. Go back to the version before, if one was just put in."
        metric      = "ModelFailures", statistic = "Sum", threshold = 0, minutes = 1
      }
      failed-version = {
        description = "A version of a model failed a check and does not serve: GET /models/{name}/versions gives the reason."
        metric      = "LoadFailures", statistic = "Sum", threshold = 0, minutes = 1
      }
      rollback = {
        description = "A version of a model did worse than the previous one and was rolled back."
        metric      = "Rollbacks", statistic = "Sum", threshold = 0, minutes = 1
      }
      source-down = {
        description = "A source of models cannot be read: what is loaded serves on, and nothing new arrives."
        metric      = "SourcesDown", statistic = "Maximum", threshold = 0, minutes = 10
      }
      source-from-cache = {
        description = "A source of models is out of reach, and the cache answers for it."
        metric      = "SourcesFromCache", statistic = "Maximum", threshold = 0, minutes = 10
      }
    } :
    name => merge(alarm, {
      namespace  = embedded.namespace, dimensions = { Service = embedded.service }
      comparison = "GreaterThanThreshold", missing = "notBreaching"
    })
  }]...)

  embedded_graphs = flatten([for embedded in local.embedded : [
    {
      title = "Requests that fail"
      metrics = [for name in ["Errors", "Refusals", "ClientErrors"] :
        [embedded.namespace, name, "Service", embedded.service, { stat = "Sum" }]
      ]
    },
    {
      title = "Seconds to answer, in the program"
      metrics = [for stat in ["p50", "p90", "p99"] :
        [embedded.namespace, "RequestSeconds", "Service", embedded.service, { stat = stat, label = stat }]
      ]
    },
    {
      title   = "Steps that wait, in the fullest task"
      metrics = [[embedded.namespace, "QueueSteps", "Service", embedded.service, { stat = "Maximum" }]]
    },
    {
      title = "Models and their sources"
      metrics = concat(
        [for name in ["ModelFailures", "LoadFailures", "Rollbacks"] :
          [embedded.namespace, name, "Service", embedded.service, { stat = "Sum" }]
        ],
        [for name in ["SourcesDown", "SourcesFromCache"] :
          [embedded.namespace, name, "Service", embedded.service, { stat = "Maximum" }]
        ],
      )
    },
    {
      title = "Series, by model"
      metrics = [[{
        expression = "SEARCH('{${embedded.namespace},Service,Model} MetricName=\"Series\" Service=\"${embedded.service}\"', 'Sum', 60)"
        id         = "series"
        label      = "$${PROP('Dim.Model')}"
      }]]
    },
    {
      title = "Seconds of one run, p99, by model"
      metrics = [[{
        expression = "SEARCH('{${embedded.namespace},Service,Model} MetricName=\"InferenceSeconds\" Service=\"${embedded.service}\"', 'p99', 60)"
        id         = "inference"
        label      = "$${PROP('Dim.Model')}"
      }]]
    },
  ]])
}
