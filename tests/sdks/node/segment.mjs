// Sends with @segment/analytics-node; one argument, JSON.
import { Analytics } from '@segment/analytics-node'

const given = JSON.parse(process.argv[2])
const errors = []
const client = new Analytics({ writeKey: given.key, host: given.url, flushAt: 100, flushInterval: 200, maxRetries: 10 })
client.on('error', (error) => errors.push(String(error.reason ?? error.code)))
const who = { userId: 'u1', anonymousId: 'a1' }
client.identify({ ...who, traits: { plan: 'pro' } })
client.page({ ...who, category: 'Docs', name: 'Pricing', properties: { url: 'https://x.example/pricing' } })
client.group({ ...who, groupId: 'g1', traits: { seats: 5 } })
client.alias({ previousId: 'a0', userId: 'u1' })
for (let number = 0; number < given.count; number++) {
  client.track({ ...who, event: 'Order Completed', properties: { number, revenue: 12.5 } })
}
await client.closeAndFlush({ timeout: 80000 })
console.log(JSON.stringify({ errors }))
