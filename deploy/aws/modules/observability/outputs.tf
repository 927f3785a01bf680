output "metrics" {
  description = "Where the program's own metrics are looked for; null where it writes none."
  value       = var.embedded_metrics
}
