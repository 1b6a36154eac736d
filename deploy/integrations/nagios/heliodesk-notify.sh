#!/bin/sh
# Posts one notification of Icinga 2 or Nagios to Heliodesk's door "icinga2" or "nagios".
#
# The macros come as environment variables: those that heliodesk.conf names (Icinga 2), or NAGIOS_*
# (Nagios, with enable_environment_macros=1). None of them is part of a command line, where a shell
# could be made to run what a plug-in printed. HELIODESK_CURL_CONFIG names a file of curl's that has the address and the token, so
# that neither shows in the list of processes; it is to be read by the monitor's user only:
#
#   url = "https://heliodesk.example.org/v1/alerts/icinga2"
#   header = "Authorization: Bearer <the integration's token>"
#
# Exits with 0 only when Heliodesk has accepted it. Needs curl and POSIX tools.
set -eu

config="${HELIODESK_CURL_CONFIG:-/etc/heliodesk/notify.curl}"

if [ -n "${NAGIOS_NOTIFICATIONTYPE:-}" ]; then
    NOTIFICATION_TYPE="$NAGIOS_NOTIFICATIONTYPE"
    NOTIFICATION_AUTHOR="${NAGIOS_NOTIFICATIONAUTHOR:-}"
    NOTIFICATION_COMMENT="${NAGIOS_NOTIFICATIONCOMMENT:-}"
    NOTIFIED_AT="${NAGIOS_TIMET:-}"
    HOST_NAME="${NAGIOS_HOSTNAME:-}"
    HOST_DISPLAY_NAME="${NAGIOS_HOSTDISPLAYNAME:-}"
    HOST_ADDRESS="${NAGIOS_HOSTADDRESS:-}"
    if [ -n "${NAGIOS_SERVICEDESC:-}" ]; then
        SERVICE_NAME="$NAGIOS_SERVICEDESC"
        SERVICE_DISPLAY_NAME="${NAGIOS_SERVICEDISPLAYNAME:-}"
        OBJECT_STATE="${NAGIOS_SERVICESTATE:-}"
        OBJECT_OUTPUT="${NAGIOS_SERVICEOUTPUT:-}"
        OBJECT_LONG_OUTPUT="${NAGIOS_LONGSERVICEOUTPUT:-}"
        OBJECT_CHANGED_AT="${NAGIOS_LASTSERVICESTATECHANGE:-}"
        OBJECT_URL="${NAGIOS_SERVICENOTESURL:-}"
    else
        OBJECT_STATE="${NAGIOS_HOSTSTATE:-}"
        OBJECT_OUTPUT="${NAGIOS_HOSTOUTPUT:-}"
        OBJECT_LONG_OUTPUT="${NAGIOS_LONGHOSTOUTPUT:-}"
        OBJECT_CHANGED_AT="${NAGIOS_LASTHOSTSTATECHANGE:-}"
        OBJECT_URL="${NAGIOS_HOSTNOTESURL:-}"
    fi
fi

# Asked for here, and not while the body is written: half a body must not be posted.
: "${NOTIFICATION_TYPE:?is not set}" "${HOST_NAME:?is not set}" "${OBJECT_STATE:?is not set}"

# Writes a JSON text: control characters go, line ends become \n, quotes and backslashes are
# escaped. Bytes that are no UTF-8 are left to Heliodesk.
json_text() {
    printf '%s' "$1" |
        LC_ALL=C tr -d '\000-\010\013-\037\177' |
        LC_ALL=C tr '\011' ' ' |
        LC_ALL=C sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' |
        LC_ALL=C awk 'BEGIN { printf "\"" } NR > 1 { printf "\\n" } { printf "%s", $0 } END { printf "\"" }'
}

field() {
    printf '"%s":' "$1"
    json_text "$2"
}

body() {
    printf '{'
    field type "$NOTIFICATION_TYPE"
    printf ','
    field host "$HOST_NAME"
    printf ','
    field host_display "${HOST_DISPLAY_NAME:-}"
    printf ','
    field address "${HOST_ADDRESS:-}"
    printf ','
    field service "${SERVICE_NAME:-}"
    printf ','
    field service_display "${SERVICE_DISPLAY_NAME:-}"
    printf ','
    field state "$OBJECT_STATE"
    printf ','
    field output "${OBJECT_OUTPUT:-}"
    printf ','
    field long_output "${OBJECT_LONG_OUTPUT:-}"
    printf ','
    field changed_at "${OBJECT_CHANGED_AT:-}"
    printf ','
    field at "${NOTIFIED_AT:-}"
    printf ','
    field author "${NOTIFICATION_AUTHOR:-}"
    printf ','
    field comment "${NOTIFICATION_COMMENT:-}"
    printf ','
    field url "${OBJECT_URL:-}"
    printf '}'
}

body | curl --config "$config" --silent --show-error --fail --output /dev/null \
    --max-time 20 --retry 3 --retry-delay 2 --retry-connrefused \
    --header 'Content-Type: application/json' --data-binary @-
