# A VPC with a public and a private subnet in each zone, or the subnets of an existing VPC.

variable "name" {
  description = "Beginning of the names."
  type        = string
}

variable "region" {
  description = "Region, in the names of endpoints."
  type        = string
}

variable "network" {
  description = "As in the root."
  type = object({
    vpc_id         = string
    public_subnets = list(string)
    task_subnets   = list(string)
    cidr           = string
    zones          = number
    egress         = string
  })
}

locals {
  made  = var.network.vpc_id == null ? 1 : 0
  zones = local.made * var.network.zones
  # Private subnets are free, but have no use if tasks have public addresses.
  private   = var.network.egress == "public-ip" ? 0 : local.zones
  nat       = var.network.egress == "nat" ? local.made : 0
  endpoints = var.network.egress == "endpoints" ? local.made : 0
}

data "aws_availability_zones" "this" {
  count = local.made
  state = "available"

  filter {
    name   = "opt-in-status"
    values = ["opt-in-not-required"]
  }
}

resource "aws_vpc" "this" {
  #checkov:skip=CKV2_AWS_11:flow logs are charged; name a VPC that has them with network.vpc_id
  count                = local.made
  cidr_block           = var.network.cidr
  enable_dns_support   = true
  enable_dns_hostnames = true
  tags                 = { Name = var.name }
}

# The default security group is not used and has no rules, so that nothing receives its rules by mistake.
resource "aws_default_security_group" "this" {
  count  = local.made
  vpc_id = aws_vpc.this[0].id
}

resource "aws_internet_gateway" "this" {
  count  = local.made
  vpc_id = aws_vpc.this[0].id
  tags   = { Name = var.name }
}

resource "aws_subnet" "public" {
  count             = local.zones
  vpc_id            = aws_vpc.this[0].id
  availability_zone = data.aws_availability_zones.this[0].names[count.index]
  cidr_block        = cidrsubnet(var.network.cidr, 4, count.index)
  tags              = { Name = "${var.name}-public-${count.index}" }
}

resource "aws_route_table" "public" {
  count  = local.made
  vpc_id = aws_vpc.this[0].id
  tags   = { Name = "${var.name}-public" }

  route {
    cidr_block = "0.0.0.0/0"
    gateway_id = aws_internet_gateway.this[0].id
  }
}

resource "aws_route_table_association" "public" {
  count          = local.zones
  subnet_id      = aws_subnet.public[count.index].id
  route_table_id = aws_route_table.public[0].id
}

resource "aws_subnet" "private" {
  count             = local.private
  vpc_id            = aws_vpc.this[0].id
  availability_zone = data.aws_availability_zones.this[0].names[count.index]
  cidr_block        = cidrsubnet(var.network.cidr, 4, 8 + count.index)
  tags              = { Name = "${var.name}-private-${count.index}" }
}

resource "aws_route_table" "private" {
  count  = local.private > 0 ? 1 : 0
  vpc_id = aws_vpc.this[0].id
  tags   = { Name = "${var.name}-private" }
}

resource "aws_route_table_association" "private" {
  count          = local.private
  subnet_id      = aws_subnet.private[count.index].id
  route_table_id = aws_route_table.private[0].id
}

# One gateway for all zones, at a third of the price of one per zone: if its zone fails, the other zones have no route to the internet.
# Running tasks need it only to fetch models and to send logs.
resource "aws_eip" "nat" {
  count  = local.nat
  domain = "vpc"
  tags   = { Name = "${var.name}-nat" }
}

resource "aws_nat_gateway" "this" {
  count         = local.nat
  allocation_id = aws_eip.nat[0].id
  subnet_id     = aws_subnet.public[0].id
  tags          = { Name = var.name }
  depends_on    = [aws_internet_gateway.this]
}

resource "aws_route" "nat" {
  count                  = local.nat
  route_table_id         = aws_route_table.private[0].id
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = aws_nat_gateway.this[0].id
}

# The endpoint is free, and avoids the cost of the NAT gateway for image layers and models.
resource "aws_vpc_endpoint" "s3" {
  count             = local.made
  vpc_id            = aws_vpc.this[0].id
  service_name      = "com.amazonaws.${var.region}.s3"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = concat(aws_route_table.public[*].id, aws_route_table.private[*].id)
  tags              = { Name = "${var.name}-s3" }
}

resource "aws_security_group" "endpoints" {
  count       = local.endpoints
  name        = "${var.name}-endpoints"
  description = "VPC endpoints of ${var.name}"
  vpc_id      = aws_vpc.this[0].id
}

resource "aws_vpc_security_group_ingress_rule" "endpoints" {
  count             = local.endpoints
  security_group_id = aws_security_group.endpoints[0].id
  description       = "https from the VPC"
  cidr_ipv4         = var.network.cidr
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_vpc_endpoint" "interface" {
  for_each            = local.endpoints == 0 ? toset([]) : toset(["ecr.api", "ecr.dkr", "logs", "secretsmanager"])
  vpc_id              = aws_vpc.this[0].id
  service_name        = "com.amazonaws.${var.region}.${each.key}"
  vpc_endpoint_type   = "Interface"
  private_dns_enabled = true
  subnet_ids          = aws_subnet.private[*].id
  security_group_ids  = [aws_security_group.endpoints[0].id]
  tags                = { Name = "${var.name}-${each.key}" }
}

output "vpc_id" {
  description = "The VPC."
  value       = local.made == 1 ? aws_vpc.this[0].id : var.network.vpc_id
}

output "public_subnets" {
  description = "Subnets of the load balancer."
  value       = local.made == 1 ? aws_subnet.public[*].id : var.network.public_subnets
}

output "task_subnets" {
  description = "Subnets of the tasks."
  value       = local.made == 0 ? var.network.task_subnets : local.private > 0 ? aws_subnet.private[*].id : aws_subnet.public[*].id
}

output "assign_public_ip" {
  description = "Whether tasks need a public address to reach AWS."
  value       = var.network.egress == "public-ip"
}
