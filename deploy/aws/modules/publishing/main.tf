# The role with which GitHub Actions pushes images. Each run assumes it by OpenID Connect, so that no key is stored.

variable "name" {
  description = "Beginning of the names."
  type        = string
}

variable "repository_arn" {
  description = "The repository that images are pushed to."
  type        = string
}

variable "github" {
  description = "As in the root."
  type = object({
    repository   = string
    refs         = list(string)
    provider_arn = string
  })
}

locals {
  issuer       = "token.actions.githubusercontent.com"
  provider_arn = coalesce(var.github.provider_arn, one(aws_iam_openid_connect_provider.github[*].arn))
}

# An account has at most one provider with this URL.
resource "aws_iam_openid_connect_provider" "github" {
  count          = var.github.provider_arn == null ? 1 : 0
  url            = "https://${local.issuer}"
  client_id_list = ["sts.amazonaws.com"]
}

resource "aws_iam_role" "this" {
  name        = "${var.name}-publishing"
  description = "What GitHub Actions of ${var.github.repository} may do"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRoleWithWebIdentity"
      Principal = { Federated = local.provider_arn }
      Condition = {
        StringEquals = { "${local.issuer}:aud" = "sts.amazonaws.com" }
        # Not for pull requests, whose code has not been reviewed.
        StringLike = { "${local.issuer}:sub" = [for ref in var.github.refs : "repo:${var.github.repository}:ref:${ref}"] }
      }
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  name = "push-images"
  role = aws_iam_role.this.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "Login"
        Effect   = "Allow"
        Action   = ["ecr:GetAuthorizationToken"]
        Resource = "*" # The action supports no narrower resource.
      },
      {
        Sid    = "Push"
        Effect = "Allow"
        Action = [
          "ecr:BatchCheckLayerAvailability",
          "ecr:BatchGetImage",
          "ecr:CompleteLayerUpload",
          "ecr:DescribeImages",
          "ecr:GetDownloadUrlForLayer",
          "ecr:InitiateLayerUpload",
          "ecr:PutImage",
          "ecr:UploadLayerPart",
        ]
        Resource = var.repository_arn
      },
    ]
  })
}

output "role_arn" {
  description = "The role that a workflow takes."
  value       = aws_iam_role.this.arn
}
