// Sends with posthog-node; one argument, JSON.
import { PostHog } from 'posthog-node'

const given = JSON.parse(process.argv[2])
const errors = []
const client = new PostHog(given.key, {
  host: given.url,
  flushAt: 500,
  flushInterval: 200,
  disableCompression: !given.gzip,
  fetchRetryCount: 30,
  fetchRetryDelay: 1000,
})
client.on('error', (error) => errors.push(String(error)))
client.identify({ distinctId: 'u1', properties: { plan: 'pro' } })
client.capture({ distinctId: 'u1', event: '$pageview', properties: { $current_url: 'https://x.example/pricing' } })
client.groupIdentify({ groupType: 'company', groupKey: 'g1', properties: { seats: 5 }, distinctId: 'u1' })
client.alias({ distinctId: 'a0', alias: 'u1' })
for (let number = 0; number < given.count; number++) {
  client.capture({ distinctId: 'u1', event: 'Order Completed', properties: { number, revenue: 12.5 } })
}
try {
  await client.flush()
} catch (error) {
  errors.push(String(error))
}
await client.shutdown(80000)
console.log(JSON.stringify({ errors }))
