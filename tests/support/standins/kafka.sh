#!/usr/bin/env bash
# As the stock image does: KAFKA_NODE_ID=1 becomes node.id=1, the folder is formatted once, then the broker runs.
set -euo pipefail
properties=/tmp/server.properties
env | sed -n 's/^KAFKA_//p' | while IFS='=' read -r name value; do
  [ "$name" = HEAP_OPTS ] || echo "$(tr '[:upper:]_' '[:lower:].' <<< "$name")=$value"
done > "$properties"
java=(java -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xshare:auto -cp '/opt/kafka/libs/*' -Dlog4j2.configurationFile=/opt/kafka/log4j2.properties)
"${java[@]}" kafka.tools.StorageTool format --ignore-formatted -t 5L6g3nShT-eMCtK--X86sw -c "$properties"
exec "${java[@]}" ${KAFKA_HEAP_OPTS:-} kafka.Kafka "$properties"
