# The execution role, with which ECS starts tasks, and the task role, which the program uses.

variable "name" {
  description = "Beginning of the names."
  type        = string
}

variable "repository_arn" {
  description = "The repository that images are pulled from."
  type        = string
}

variable "log_group_arn" {
  description = "The group that the log is written to."
  type        = string
}

variable "secret_arns" {
  description = "Secrets that tasks start with."
  type        = list(string)
}

variable "models" {
  description = "As in the root."
  type = object({
    bucket      = string
    prefix      = string
    kms_key_arn = string
  })
}

data "aws_caller_identity" "this" {}

data "aws_partition" "this" {}

locals {
  # Without a bucket this value is not used.
  bucket_arn = "arn:${data.aws_partition.this.partition}:s3:::${coalesce(var.models.bucket, "none")}"

  # Only ECS of this account: without the condition, ECS of another account could be made to use the role.
  trust = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ecs-tasks.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.this.account_id } }
    }]
  })

  start_statements = concat([
    {
      Sid      = "Login"
      Effect   = "Allow"
      Action   = ["ecr:GetAuthorizationToken"]
      Resource = "*" # The action supports no narrower resource.
    },
    {
      Sid      = "Pull"
      Effect   = "Allow"
      Action   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
      Resource = var.repository_arn
    },
    {
      Sid      = "Log"
      Effect   = "Allow"
      Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
      Resource = "${var.log_group_arn}:*"
    },
    ], length(var.secret_arns) == 0 ? [] : [{
      Sid      = "Secrets"
      Effect   = "Allow"
      Action   = ["secretsmanager:GetSecretValue"]
      Resource = var.secret_arns
  }])

  model_statements = concat([
    {
      Sid      = "Read"
      Effect   = "Allow"
      Action   = ["s3:GetObject"]
      Resource = "${local.bucket_arn}/${var.models.prefix}*"
    },
    {
      Sid       = "List"
      Effect    = "Allow"
      Action    = ["s3:ListBucket"]
      Resource  = local.bucket_arn
      Condition = { StringLike = { "s3:prefix" = [var.models.prefix, "${var.models.prefix}*"] } }
    },
    ], var.models.kms_key_arn == null ? [] : [{
      Sid      = "Decrypt"
      Effect   = "Allow"
      Action   = ["kms:Decrypt"]
      Resource = var.models.kms_key_arn
  }])
}

resource "aws_iam_role" "execution" {
  name               = "${var.name}-execution"
  description        = "What ECS may do to start a task of ${var.name}"
  assume_role_policy = local.trust
}

resource "aws_iam_role_policy" "execution" {
  name   = "start-task"
  role   = aws_iam_role.execution.id
  policy = jsonencode({ Version = "2012-10-17", Statement = local.start_statements })
}

resource "aws_iam_role" "task" {
  name               = "${var.name}-task"
  description        = "What ${var.name} may do"
  assume_role_policy = local.trust
}

resource "aws_iam_role_policy" "task" {
  count  = var.models.bucket == null ? 0 : 1
  name   = "read-models"
  role   = aws_iam_role.task.id
  policy = jsonencode({ Version = "2012-10-17", Statement = local.model_statements })
}

output "execution_role_arn" {
  description = "The role that starts tasks."
  value       = aws_iam_role.execution.arn
}

output "task_role_arn" {
  description = "The role that the program has."
  value       = aws_iam_role.task.arn
}
