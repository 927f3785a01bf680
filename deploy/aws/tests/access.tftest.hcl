# The permissions of the roles.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name           = "almanac"
  repository_arn = "arn:aws:ecr:eu-central-1:123456789012:repository/almanac"
  log_group_arn  = "arn:aws:logs:eu-central-1:123456789012:log-group:/ecs/almanac"
  secret_arns    = []
  models         = { bucket = null, prefix = "models/", kms_key_arn = null }
}

run "without_a_bucket_the_program_may_do_nothing" {
  module {
    source = "./modules/access"
  }

  assert {
    condition     = length(aws_iam_role_policy.task) == 0
    error_message = "the task's role has no policy"
  }
  assert {
    condition     = !strcontains(aws_iam_role_policy.execution.policy, "secretsmanager")
    error_message = "without secrets there is no permission to read one"
  }
}

run "with_a_bucket_it_may_read_one_prefix" {
  variables {
    models = { bucket = "team", prefix = "forecast/models/", kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/1" }
  }
  module {
    source = "./modules/access"
  }

  assert {
    condition = jsondecode(aws_iam_role_policy.task[0].policy).Statement == [
      {
        Sid      = "Read"
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = "arn:aws:s3:::team/forecast/models/*"
      },
      {
        Sid       = "List"
        Effect    = "Allow"
        Action    = ["s3:ListBucket"]
        Resource  = "arn:aws:s3:::team"
        Condition = { StringLike = { "s3:prefix" = ["forecast/models/", "forecast/models/*"] } }
      },
      {
        Sid      = "Decrypt"
        Effect   = "Allow"
        Action   = ["kms:Decrypt"]
        Resource = "arn:aws:kms:eu-central-1:123456789012:key/1"
      },
    ]
    error_message = "only one prefix is readable, and nothing is writable"
  }
}

run "ecs_may_pull_log_and_read_the_named_secrets" {
  variables {
    secret_arns = ["arn:aws:secretsmanager:eu-central-1:123456789012:secret:keys"]
  }
  module {
    source = "./modules/access"
  }

  assert {
    condition = [
      for statement in jsondecode(aws_iam_role_policy.execution.policy).Statement : statement.Sid if statement.Resource == "*"
    ] == ["Login"]
    error_message = "only the login, which supports no resource, is allowed on all resources"
  }
  assert {
    condition = one([
      for statement in jsondecode(aws_iam_role_policy.execution.policy).Statement : statement.Resource if statement.Sid == "Secrets"
    ]) == ["arn:aws:secretsmanager:eu-central-1:123456789012:secret:keys"]
    error_message = "only the named secrets are readable"
  }
  assert {
    condition     = jsondecode(aws_iam_role.task.assume_role_policy).Statement[0].Condition.StringEquals["aws:SourceAccount"] == "123456789012"
    error_message = "ECS of another account cannot use the role"
  }
}
