# The role that may push images.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name           = "almanac"
  repository_arn = "arn:aws:ecr:eu-central-1:123456789012:repository/almanac"
  github         = { repository = "owner/almanac", refs = ["refs/heads/main", "refs/tags/v*"], provider_arn = null }
}

run "the_main_branch_and_releases_may_push_to_one_repository" {
  module {
    source = "./modules/publishing"
  }

  assert {
    condition = jsondecode(aws_iam_role.this.assume_role_policy).Statement[0].Condition.StringLike["token.actions.githubusercontent.com:sub"] == [
      "repo:owner/almanac:ref:refs/heads/main", "repo:owner/almanac:ref:refs/tags/v*",
    ]
    error_message = "pull requests and other repositories cannot assume the role"
  }
  assert {
    condition     = jsondecode(aws_iam_role.this.assume_role_policy).Statement[0].Condition.StringEquals["token.actions.githubusercontent.com:aud"] == "sts.amazonaws.com"
    error_message = "a token for another service is rejected"
  }
  assert {
    condition = [
      for statement in jsondecode(aws_iam_role_policy.this.policy).Statement : statement.Sid if statement.Resource == "*"
    ] == ["Login"]
    error_message = "images can only be pushed to the one repository"
  }
  assert {
    condition     = length(aws_iam_openid_connect_provider.github) == 1
    error_message = "the OpenID Connect provider of GitHub is created"
  }
}

run "an_account_that_knows_github_is_not_told_again" {
  variables {
    github = { repository = "owner/almanac", refs = ["refs/heads/main"], provider_arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com" }
  }
  module {
    source = "./modules/publishing"
  }

  assert {
    condition     = length(aws_iam_openid_connect_provider.github) == 0
    error_message = "no second provider with the same URL is created"
  }
  assert {
    condition     = jsondecode(aws_iam_role.this.assume_role_policy).Statement[0].Principal.Federated == var.github.provider_arn
    error_message = "the named provider is trusted"
  }
}
