# AWS: CloudWatch alarms to Heliodesk's door "sns". The integration's settings name the topic:
#
#   settings: {topics: ["arn:aws:sns:eu-central-1:123456789012:heliodesk-alarms"]}
#
# Heliodesk confirms the subscription by itself, for this topic and no other.
variable "heliodesk_url" {
  description = "https://heliodesk.example.org/v1/doors/sns/TENANT/INTEGRATION"
  type        = string
}

resource "aws_sns_topic" "heliodesk" {
  name = "heliodesk-alarms"
  # Signs with SHA-256; without it SNS signs with SHA-1, which Heliodesk takes too.
  signature_version = 2
}

resource "aws_sns_topic_subscription" "heliodesk" {
  topic_arn              = aws_sns_topic.heliodesk.arn
  protocol               = "https"
  endpoint               = var.heliodesk_url
  endpoint_auto_confirms = true
  # Raw delivery leaves the signature out: Heliodesk refuses it.
  raw_message_delivery = false
}

resource "aws_cloudwatch_metric_alarm" "cpu" {
  alarm_name          = "web-1 CPU"
  namespace           = "AWS/EC2"
  metric_name         = "CPUUtilization"
  dimensions          = { InstanceId = "i-0123456789abcdef0" }
  statistic           = "Average"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 90
  # The OK action is what resolves the incident.
  alarm_actions = [aws_sns_topic.heliodesk.arn]
  ok_actions    = [aws_sns_topic.heliodesk.arn]
}
