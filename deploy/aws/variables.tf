variable "name" {
  description = "Name of the service, and the beginning of the name of all that belongs to it."
  type        = string
  default     = "almanac"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,22}[a-z0-9]$", var.name))
    error_message = "name must have 2 to 24 lower-case letters, digits and hyphens, as the load balancer's names are made of it."
  }
}

variable "region" {
  description = "AWS region, such as eu-central-1; without one that of the environment, AWS_REGION."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}

variable "image" {
  description = "Whole name of an image to run, instead of one from the repository that is made here."
  type        = string
  default     = null
}

variable "image_tag" {
  description = "Tag of the image in the repository that is made here. Tags cannot be overwritten, so each build has its own."
  type        = string
  default     = "unset"

  validation {
    condition     = can(regex("^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$", var.image_tag))
    error_message = "image_tag must be a tag as registries take it."
  }
}

variable "task" {
  description = <<-EOT
    The size and number of tasks. cpu is in 1/1024 vCPU and memory in MiB, in a pair that Fargate takes. architecture is X86_64 or
    ARM64. spot is the share of tasks, from 0 to 100, on Fargate Spot: cheaper, and ended at two minutes' notice.
  EOT
  type = object({
    cpu          = optional(number, 256)
    memory       = optional(number, 512)
    architecture = optional(string, "X86_64")
    count        = optional(number, 2)
    spot         = optional(number, 0)
  })
  default = {}

  validation {
    condition = contains(lookup({
      "256"   = [512, 1024, 2048]
      "512"   = range(1024, 4097, 1024)
      "1024"  = range(2048, 8193, 1024)
      "2048"  = range(4096, 16385, 1024)
      "4096"  = range(8192, 30721, 1024)
      "8192"  = range(16384, 61441, 4096)
      "16384" = range(32768, 122881, 8192)
    }, tostring(var.task.cpu), []), var.task.memory)
    error_message = "task.cpu and task.memory must be a pair that Fargate takes, such as 256 and 512, or 1024 and 2048."
  }
  validation {
    condition     = contains(["X86_64", "ARM64"], var.task.architecture)
    error_message = "task.architecture must be X86_64 or ARM64."
  }
  validation {
    condition     = var.task.count >= 1 && var.task.spot >= 0 && var.task.spot <= 100
    error_message = "task.count must be at least 1 and task.spot between 0 and 100."
  }
}

variable "models" {
  description = <<-EOT
    Where models come from. With a bucket, the task may read what is under prefix and nothing else, and the sources are that prefix and
    then what the program carries, unless sources says otherwise. kms_key_arn is the key of objects that are encrypted with one.
  EOT
  type = object({
    bucket      = optional(string)
    prefix      = optional(string, "models/")
    kms_key_arn = optional(string)
    sources     = optional(list(string))
    default     = optional(string, "almanac")
  })
  default = {}

  validation {
    condition     = can(regex("^[^/*?].*/$", var.models.prefix)) && !can(regex("[*?]", var.models.prefix))
    error_message = "models.prefix must end with a slash, not begin with one, and hold no wildcard: the task may read all that is under it."
  }
}

variable "environment" {
  description = "More settings of the program, such as { ALMANAC_MAX_SERIES = \"1000\" }."
  type        = map(string)
  default     = {}

  validation {
    condition = length(setintersection(keys(var.environment), [
      "ALMANAC_DRAIN_DELAY", "ALMANAC_DRAIN_DEADLINE", "ALMANAC_REQUEST_TIMEOUT", "ALMANAC_IDLE_TIMEOUT",
    ])) == 0
    error_message = "Set timeouts by the variable timeouts, which keeps them in step with the load balancer."
  }
}

variable "secrets" {
  description = "Environment variables whose values are secrets: a variable's name to the ARN of a secret in Secrets Manager."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for arn in values(var.secrets) : can(regex("^arn:[^:]+:secretsmanager:", arn))])
    error_message = "secrets must be ARNs of Secrets Manager."
  }
}

variable "sidecars" {
  description = "More container definitions of the task, such as a collector of traces on localhost:4318, as ECS writes them."
  type        = any
  default     = []
}

variable "network" {
  description = <<-EOT
    The network. With vpc_id, public_subnets (for the load balancer) and task_subnets are yours; without, a VPC is made, with
    a public and a private subnet in each of so many zones. egress is how tasks of that VPC reach AWS: "public-ip" gives each an address and a
    security group that lets nothing in but the load balancer, "nat" puts them into private subnets behind one NAT gateway, "endpoints" into
    private subnets with VPC endpoints and no way to the internet.
  EOT
  type = object({
    vpc_id         = optional(string)
    public_subnets = optional(list(string), [])
    task_subnets   = optional(list(string), [])
    cidr           = optional(string, "10.40.0.0/16")
    zones          = optional(number, 2)
    egress         = optional(string, "public-ip")
  })
  default = {}

  validation {
    condition     = contains(["public-ip", "nat", "endpoints"], var.network.egress)
    error_message = "network.egress must be public-ip, nat or endpoints."
  }
  validation {
    condition     = var.network.zones >= 2 && var.network.zones <= 6
    error_message = "network.zones must be between 2 and 6: a load balancer needs two."
  }
  validation {
    condition     = var.network.vpc_id == null || (length(var.network.public_subnets) >= 2 && length(var.network.task_subnets) >= 1)
    error_message = "With network.vpc_id, name at least two public_subnets and one of task_subnets."
  }
}

variable "load_balancer" {
  description = <<-EOT
    The load balancer. With certificate_arn it speaks https on 443 and refuses http on 80; without, http on 80. paths are what it
    passes on; everything else is answered 404, so health endpoints and metrics stay inside. internal keeps it inside the VPC.
  EOT
  type = object({
    certificate_arn     = optional(string)
    internal            = optional(bool, false)
    allowed_cidrs       = optional(list(string), ["0.0.0.0/0"])
    paths               = optional(list(string), ["/forecast*", "/backtest*", "/models*", "/openapi.json"])
    access_logs_bucket  = optional(string)
    deletion_protection = optional(bool, false)
  })
  default = {}

  validation {
    condition     = length(var.load_balancer.paths) > 0 && alltrue([for path in var.load_balancer.paths : startswith(path, "/")])
    error_message = "load_balancer.paths must hold at least one path, each beginning with a slash."
  }
}

variable "scaling" {
  description = <<-EOT
    Scaling between min and max tasks, on requests for each target and minute and on the average CPU use in percent. Off, the
    service keeps task.count.
  EOT
  type = object({
    enabled             = optional(bool, true)
    min                 = optional(number, 2)
    max                 = optional(number, 10)
    requests_per_target = optional(number, 6000)
    cpu_percent         = optional(number, 60)
  })
  default = {}

  validation {
    condition     = var.scaling.min >= 1 && var.scaling.max >= var.scaling.min
    error_message = "scaling.min must be at least 1, and scaling.max at least scaling.min."
  }
}

variable "observability" {
  description = <<-EOT
    Days that logs are kept, topics (ARNs of SNS) that alarms are sent to, and whether Container Insights, which is charged, is on. With
    embedded_metrics the program writes its own metrics to its log, from which CloudWatch makes metrics: six more alarms and six more graphs; every
    metric is charged.
  EOT
  type = object({
    log_retention_days = optional(number, 30)
    log_kms_key_arn    = optional(string)
    alarm_topics       = optional(list(string), [])
    container_insights = optional(bool, false)
    latency_p99        = optional(number, 1)
    embedded_metrics   = optional(bool, false)
  })
  default = {}
}

variable "force_delete" {
  description = "Whether destroying deletes the images of the repository too."
  type        = bool
  default     = false
}

variable "github" {
  description = <<-EOT
    The repository on GitHub, owner/name, whose workflows may push images, and from which refs. An account knows GitHub once: where it
    does already, provider_arn names its OpenID Connect provider.
  EOT
  type = object({
    repository   = string
    refs         = optional(list(string), ["refs/heads/main", "refs/tags/v*"])
    provider_arn = optional(string)
  })
  default = null

  validation {
    condition     = var.github == null || can(regex("^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$", var.github.repository))
    error_message = "github.repository must be owner/name, with no wildcard."
  }
}
