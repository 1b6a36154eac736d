#!/bin/sh
# Posts one alert as a CloudEvent in binary mode to Heliodesk's door "cloudevents".
# HELIODESK_CURL_CONFIG names a file of curl's with the address and the token:
#
#   url = "https://heliodesk.example.org/v1/alerts/cloudevents"
#   header = "Authorization: Bearer <the integration's token>"
set -eu

curl --config "${HELIODESK_CURL_CONFIG:-/etc/heliodesk/notify.curl}" --silent --show-error --fail \
    --header 'ce-specversion: 1.0' --header 'ce-type: org.example.alert' \
    --header 'ce-source: /monitor/7' --header "ce-id: ${1:?the id of the event}" \
    --header 'Content-Type: application/json' --data-binary @- <<'JSON'
{"key": "db-7/disk", "status": "firing", "summary": "Disk of db-7 is full",
 "starts_at": "2026-03-02T09:00:00Z", "severity": "major", "service": "databases",
 "labels": {"host": "db-7"}}
JSON
