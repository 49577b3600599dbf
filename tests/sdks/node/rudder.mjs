// Sends with @rudderstack/rudder-sdk-node; one argument, JSON.
import RudderAnalytics from '@rudderstack/rudder-sdk-node'

const given = JSON.parse(process.argv[2])
const errors = []
const client = new RudderAnalytics(given.key, {
  dataPlaneUrl: given.url,
  gzip: given.gzip,
  flushAt: 500,
  flushInterval: 60000,
  retryCount: 10,
  logLevel: 'error',
  errorHandler: (error) => errors.push(String(error?.message ?? error)),
})
const who = { userId: 'u1', anonymousId: 'a1' }
client.identify({ ...who, traits: { plan: 'pro' } })
client.page({ ...who, name: 'Pricing', properties: { url: 'https://x.example/pricing', category: 'Docs' } })
client.group({ ...who, groupId: 'g1', traits: { seats: 5 } })
client.alias({ previousId: 'a0', userId: 'u1' })
for (let number = 0; number < given.count; number++) {
  client.track({ ...who, event: 'Order Completed', properties: { number, revenue: 12.5 } })
}
try {
  await client.flush()
} catch (error) {
  errors.push(String(error?.message ?? error))
}
console.log(JSON.stringify({ errors }))
process.exit(0)
